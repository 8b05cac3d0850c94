"""The port: what a driver of a payment provider does, and what a provider says, in our words. Drivers are in providers/.

A driver answers what the provider says *now* (`Seen`). All else, a webhook, a browser that comes back, the answer to a capture or
a refund, is only a reason to ask: what was sent may be done although its answer is lost.
"""

from datetime import datetime
from typing import Literal, Protocol, TypeAlias
from uuid import UUID

import msgspec

from core.base.answers import RawBody
from core.payments.states import DisputeState, SubscriptionState

SeenState: TypeAlias = Literal["pending", "processing", "authorized", "succeeded", "failed", "canceled"]


class RefusedError(Exception):
    """The provider has refused, and will again. Of all else that goes wrong (OutgoingError) the outcome is unknown."""


class ForgedError(Exception):
    """A webhook that the provider has not sent, or that is too old."""


class Order(msgspec.Struct, frozen=True):
    """What is to be paid. The provider keeps our `id` with it and says it again (`Seen.reference`).

    `attempt` counts how often it was sent: idempotency keys are made of both, because a provider repeats its errors, too.
    `is_manual`: authorized first, and captured later. `hook_url` is for providers that take one with each payment.
    """

    id: UUID
    attempt: int
    amount: int
    currency: str
    title: str
    is_manual: bool
    return_url: str
    hook_url: str


class RefundOrder(msgspec.Struct, frozen=True):
    """What is to be refunded of `charge`, a part of a payment or all of it; `id` and `attempt` as in Order."""

    id: UUID
    attempt: int
    charge: str
    amount: int
    currency: str


class SubscriptionOrder(msgspec.Struct, frozen=True):
    """What is to be paid every `days`; `plan` is what the provider calls it."""

    id: UUID
    attempt: int
    plan: str
    amount: int
    currency: str
    days: int
    return_url: str
    hook_url: str


class SeenRefund(msgspec.Struct, frozen=True):
    """A refund as its provider sees it. `reference`: our id of it; "": somebody made it at the provider's."""

    ref: str
    reference: str
    amount: int
    state: Literal["pending", "succeeded", "failed"]


class SeenDispute(msgspec.Struct, frozen=True):
    """A dispute. `withdrawn`: how much of our money the provider holds for it at present (0 while it only inquires)."""

    ref: str
    state: DisputeState
    withdrawn: int = 0


class Seen(msgspec.Struct, frozen=True):
    """A payment as its provider sees it now. Unknown words of a provider are `processing`, and never count as paid.

    `ref` names what was created, `charge` what is refunded; they may be the same. `amount`: what was authorized or paid.
    While the payer can try again it is `pending`, with `error`. `refunded`: the sum; `refunds`: None where only that is known.
    """

    ref: str
    reference: str
    state: SeenState
    amount: int
    currency: str
    captured: int = 0
    charge: str = ""
    pay_url: str = ""
    error: str = ""
    refunded: int = 0
    refunds: tuple[SeenRefund, ...] | None = None
    disputes: tuple[SeenDispute, ...] = ()


class SeenSubscription(msgspec.Struct, frozen=True):
    """A subscription likewise. `payments`: the latest of its periods' that were paid."""

    ref: str
    reference: str
    state: SubscriptionState
    period_end: datetime | None
    pay_url: str = ""
    payments: tuple[Seen, ...] = ()


class Hint(msgspec.Struct, frozen=True):
    """What a webhook is a reason for: to ask about the payment or subscription `ref`. `about` "": nothing that we know."""

    event_id: str
    type: str
    about: Literal["payment", "subscription", ""]
    ref: str


class Subscribing(Protocol):
    """What a driver of a provider with subscriptions does besides."""

    async def subscribe(self, order: SubscriptionOrder) -> SeenSubscription: ...

    async def find_subscription(self, order: SubscriptionOrder) -> SeenSubscription | None: ...

    async def fetch_subscription(self, ref: str) -> SeenSubscription: ...

    async def unsubscribe(self, ref: str, *, at_end: bool) -> None: ...


class Provider(Protocol):
    """A driver. Every call raises OutgoingError: unknown outcome, ask later; or RefusedError.

    `find` returns what an earlier attempt at this order has made, None: nothing; where creating is idempotent it may repeat it.
    `capture`, `cancel` and `refund` return nothing: `fetch` says what became of it.
    """

    @property
    def name(self) -> str: ...

    @property
    def subscriptions(self) -> Subscribing | None: ...

    def read(self, hook: RawBody, now: datetime) -> Hint:
        """Verify a webhook in constant time; if its time is signed, it must not be old, nor of the future. Raises ForgedError."""
        ...

    async def create(self, order: Order) -> Seen: ...

    async def find(self, order: Order) -> Seen | None: ...

    async def fetch(self, ref: str) -> Seen: ...

    async def capture(self, ref: str, amount: int) -> None: ...

    async def cancel(self, ref: str) -> None: ...

    async def refund(self, order: RefundOrder) -> None: ...
