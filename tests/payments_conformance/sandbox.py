"""The sandbox as a double."""

import asyncio
import time

import msgspec

from cli.sandbox_payments.faults import Faults
from cli.sandbox_payments.server import RefusedCallError, SandboxPayments
from config.settings import Settings
from core.base.answers import RawBody
from core.payments.port import SeenDispute
from core.payments.providers.sandbox import SECRET, SIGNATURE, TOLERANCE, signature
from core.payments.states import DisputeState

BODY = b'{"id":"evt_1","type":"payment.succeeded","object":{"id":"pay_1"}}'


class SandboxDouble:
    """See double.py."""

    refusals: tuple[type[Exception], ...] = (RefusedCallError, KeyError)

    def __init__(self, sandbox: SandboxPayments) -> None:
        self.sandbox = sandbox
        self.pay = self.renew = sandbox.pay
        self.decline, self.release = sandbox.decline, sandbox.release

    def refund(self, ref: str, amount: int) -> None:
        self.sandbox.refund(ref, amount)

    def fail_refund(self, ref: str) -> None:
        one = self.sandbox.payments[ref]
        *others, last = one.refunds or ()
        refunds = (*others, msgspec.structs.replace(last, state="failed"))
        self.sandbox.change(ref, "refund_failed", refunded=one.refunded - last.amount, refunds=refunds)

    def dispute(self, ref: str, state: DisputeState = "open", withdrawn: int | None = None) -> None:
        one = self.sandbox.payments[ref]
        held = one.captured - one.refunded if withdrawn is None else withdrawn
        self.sandbox.change(ref, f"dispute_{state}", disputes=(SeenDispute(f"dp_{ref}", state, held),))

    def change_sale(self, ref: str, state: str) -> None:
        self.sandbox.change_sale(ref, state, state=state)

    @property
    def faults(self) -> Faults:
        return self.sandbox.faults

    def settings(self, settings: Settings) -> Settings:
        return msgspec.structs.replace(settings, payments_sandbox_url=self.sandbox.url)

    async def settled(self) -> None:
        while self.sandbox.sending:
            await asyncio.wait(self.sandbox.sending)

    def holds(self) -> int:
        seen = [one for one in self.sandbox.payments.values() if one.state == "succeeded"]
        withdrawn = sum(dispute.withdrawn for one in seen for dispute in one.disputes)
        return sum(one.captured - one.refunded for one in seen) - withdrawn

    def made(self) -> int:
        return len(self.sandbox.payments)

    def forged(self) -> dict[str, RawBody]:
        now = int(time.time())
        good = signature(SECRET, BODY, now)
        return {
            "another body": _hook(good, BODY.replace(b"pay_1", b"pay_2")),
            "another secret": _hook(signature("x", BODY, now)),
            "old": _hook(signature(SECRET, BODY, now - TOLERANCE - 5)),
            "of the future": _hook(signature(SECRET, BODY, now + TOLERANCE + 5)),
            "another time": _hook(good.replace(f"t={now}", f"t={now + 1}")),
            "no signature": RawBody(BODY, {}),
            "no JSON": _hook(signature(SECRET, b"\xff", now), b"\xff"),
            "no text": _hook("t=²,v1=\udcff"),
        }


def _hook(header: str, octets: bytes = BODY) -> RawBody:
    return RawBody(octets, {SIGNATURE: header})
