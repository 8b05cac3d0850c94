"""What the sandbox knows: payments and subscriptions, in the words of our own port, and what can happen to them."""

from datetime import timedelta
from uuid import uuid4

import msgspec

from core.base import clock
from core.payments.port import Seen, SeenDispute, SeenRefund, SeenSubscription

GOOD_CARD, BAD_CARD = "4242424242424242", "4000000000000002"


class Faults(msgspec.Struct):
    """What goes wrong, until it is set otherwise.

    `hooks`: held ones wait until they are released (the latest first, if `reversed`); each is sent `repeats` times. `amount` is
    added to what payers pay, `currency` is what they pay in. So many calls that change something do nothing and fail (`errors`),
    or do it and hang up (`cuts`). `away`: nothing works. Without `has_refund_ids` only the sum of refunds is known, without
    `has_keys` a repeated call does it again.
    """

    hooks: str = "sent"  # or "held", "lost"
    repeats: int = 1
    reversed: bool = False
    amount: int = 0
    currency: str = ""
    errors: int = 0
    cuts: int = 0
    away: bool = False
    has_refund_ids: bool = True
    has_keys: bool = True


class RefusedCallError(Exception):
    """What was asked for is not possible; the message is the answer."""


class Payment(msgspec.Struct):
    """A payment or the periods of a subscription."""

    seen: Seen
    title: str
    is_manual: bool
    return_url: str
    hook_url: str


class Sale(msgspec.Struct):
    """A subscription."""

    seen: SeenSubscription
    title: str
    amount: int
    currency: str
    days: int
    return_url: str
    hook_url: str


def paid(one: Payment, faults: Faults) -> None:
    """Let somebody pay with a good card."""
    if one.seen.state not in ("pending", "failed"):
        raise RefusedCallError("This is not waiting to be paid")
    amount, currency = one.seen.amount + faults.amount, faults.currency or one.seen.currency
    state, captured = ("authorized", 0) if one.is_manual else ("succeeded", amount)
    _change(one, state=state, amount=amount, currency=currency, captured=captured, charge=one.seen.ref, error="")


def declined(one: Payment) -> None:
    """Let somebody try to pay with a bad card; she may try again."""
    if one.seen.state != "pending":
        raise RefusedCallError("This is not waiting to be paid")
    _change(one, error="Your card was declined")


def captured(one: Payment, amount: int) -> None:
    if one.seen.state != "authorized" or not 0 < amount <= one.seen.amount:
        raise RefusedCallError("This cannot be captured")
    _change(one, state="succeeded", captured=amount)


def canceled(one: Payment) -> None:
    if one.seen.state not in ("pending", "authorized"):
        raise RefusedCallError("This cannot be canceled")
    _change(one, state="canceled")


def refunded(one: Payment, amount: int, reference: str) -> None:
    if one.seen.state != "succeeded" or not 0 < amount <= one.seen.captured - one.seen.refunded:
        raise RefusedCallError("So much cannot be refunded")
    made = SeenRefund(f"re_{uuid4().hex}", reference, amount, "succeeded")
    _change(one, refunded=one.seen.refunded + amount, refunds=(*(one.seen.refunds or ()), made))


def refund_failed(one: Payment) -> None:
    """Let the latest refund come back from its bank."""
    *others, last = one.seen.refunds or ()
    failed = msgspec.structs.replace(last, state="failed")
    _change(one, refunded=one.seen.refunded - last.amount, refunds=(*others, failed))


def disputed(one: Payment, state: str, withdrawn: int) -> None:
    _change(one, disputes=(SeenDispute(f"dp_{one.seen.ref}", state, withdrawn),))  # type: ignore[arg-type]


def renewed(one: Sale) -> Payment:
    """Let the next period be paid."""
    end = max(one.seen.period_end or clock.now(), clock.now()) + timedelta(days=one.days)
    ref = f"pay_{uuid4().hex}"
    seen = Seen(ref, "", "succeeded", one.amount, one.currency, captured=one.amount, charge=ref, refunds=())
    payments = (*one.seen.payments, seen)[-5:]
    one.seen = msgspec.structs.replace(one.seen, state="active", period_end=end, payments=payments)
    return Payment(seen, one.title, False, one.return_url, one.hook_url)


def shown(seen: Seen, faults: Faults) -> Seen:
    """Return a payment as it is told of."""
    return seen if faults.has_refund_ids else msgspec.structs.replace(seen, refunds=None)


def _change(one: Payment, **fields: object) -> None:
    one.seen = msgspec.structs.replace(one.seen, **fields)
