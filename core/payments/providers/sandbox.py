"""The driver of the sandbox (cli/sandbox_payments), a provider that moves no money."""

import hmac
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Literal, TypeVar
from urllib.parse import quote
from uuid import UUID

import msgspec

from core.base.answers import RawBody
from core.payments.port import (
    ForgedError,
    Hint,
    Order,
    RefundOrder,
    RefusedError,
    Seen,
    SeenSubscription,
    SubscriptionOrder,
)
from core.platform.outgoing import Outgoing, OutgoingError

KEY: Final = "sandbox-key"  # of nobody
SECRET: Final = "sandbox-webhook-secret"  # noqa: S105 - likewise
SIGNATURE: Final = "Sandbox-Signature"
TOLERANCE: Final = 300  # seconds that a webhook may be older or newer than our clock says

T = TypeVar("T")


class HookObject(msgspec.Struct, frozen=True):
    id: str


class HookBody(msgspec.Struct, frozen=True):
    id: str
    type: str
    object: HookObject


class Page(msgspec.Struct, frozen=True):
    data: list[dict[str, Any]]  # of payments or subscriptions


def signature(secret: str, octets: bytes, at: int) -> str:
    """Return the header of a webhook: when it was signed, and with what."""
    return f"t={at},v1={hmac.new(secret.encode(), f'{at}.'.encode() + octets, sha256).hexdigest()}"


class Sandbox:
    """See core/payments/port.py."""

    name = "sandbox"

    def __init__(self, url: str, outgoing: Outgoing) -> None:
        self._url = url
        self._hosts = frozenset({url.removeprefix("http://")})
        self._outgoing = outgoing

    @property
    def subscriptions(self) -> "Sandbox":
        return self

    def read(self, hook: RawBody, now: datetime) -> Hint:
        header = hook.headers.get(SIGNATURE, "")
        time = header.partition(",")[0].removeprefix("t=")
        at = int(time) if time.isascii() and time.isdigit() and len(time) < 12 else 0
        expected = signature(SECRET, hook.octets, at)
        if not hmac.compare_digest(expected.encode(), header.encode(errors="replace")):
            raise ForgedError
        if abs(now.timestamp() - at) > TOLERANCE:
            raise ForgedError
        try:
            body = msgspec.json.decode(hook.octets, type=HookBody)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ForgedError from error
        kinds: dict[str, Literal["payment", "subscription"]] = {"payment": "payment", "subscription": "subscription"}
        return Hint(body.id, body.type, kinds.get(body.type.partition(".")[0], ""), body.object.id)

    async def create(self, order: Order) -> Seen:
        return await self._post("/payments", Seen, order)

    async def find(self, order: Order) -> Seen | None:
        return await self._find("/payments", order.id, Seen)

    async def fetch(self, ref: str) -> Seen:
        return await self._get(f"/payments/{quote(ref, safe='')}", Seen)

    async def capture(self, ref: str, amount: int) -> None:
        await self._post(f"/payments/{ref}/capture", Seen, amount=str(amount))

    async def cancel(self, ref: str) -> None:
        await self._post(f"/payments/{ref}/cancel", Seen)

    async def refund(self, order: RefundOrder) -> None:
        await self._post(f"/payments/{order.charge}/refunds", Seen, order)

    async def subscribe(self, order: SubscriptionOrder) -> SeenSubscription:
        return await self._post("/subscriptions", SeenSubscription, order, title=order.plan)

    async def find_subscription(self, order: SubscriptionOrder) -> SeenSubscription | None:
        return await self._find("/subscriptions", order.id, SeenSubscription)

    async def fetch_subscription(self, ref: str) -> SeenSubscription:
        return await self._get(f"/subscriptions/{quote(ref, safe='')}", SeenSubscription)

    async def unsubscribe(self, ref: str, *, at_end: bool) -> None:
        await self._post(f"/subscriptions/{ref}/cancel", SeenSubscription, at_end="1" if at_end else "")

    async def _find(self, path: str, id: UUID, kind: type[T]) -> T | None:
        page = await self._get(path, Page, {"id": str(id)})
        return msgspec.convert(page.data[0], kind) if page.data else None

    async def _get(self, path: str, kind: type[T], query: Mapping[str, str] | None = None) -> T:
        answer = await self._outgoing.get(self._url + path, self._hosts, query, _headers())
        return _decoded(answer.status, answer.body, kind)

    async def _post(
        self, path: str, kind: type[T], order: Order | RefundOrder | SubscriptionOrder | None = None, **more: str
    ) -> T:
        """Post an order, whose fields are what the sandbox takes, and what is there besides."""
        fields = msgspec.structs.asdict(order) if order else {}
        form = {name: str(value) for name, value in fields.items()} | more
        headers = _headers(f"{order.id}-{order.attempt}" if order else "")
        answer = await self._outgoing.post(self._url + path, self._hosts, form, headers)
        return _decoded(answer.status, answer.body, kind)


def _headers(key: str = "") -> dict[str, str]:
    return {"Authorization": f"Bearer {KEY}"} | ({"Idempotency-Key": key} if key else {})


def _decoded(status: int, body: bytes, kind: type[T]) -> T:
    """Return an answer; errors of the server, and refusals that pass (409, 429), leave the outcome unknown."""
    if status in (400, 402, 403, 404):
        raise RefusedError(body[:200].decode(errors="replace"))
    if status not in (200, 201):
        raise OutgoingError(f"the sandbox answered {status}")
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OutgoingError("the sandbox's answer makes no sense") from error
