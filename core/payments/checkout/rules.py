"""What a marketplace says about payments: a value of its policy; none: it takes none."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias
from uuid import UUID

from core.limits.budget import Rate
from core.payments.checkout.rows import Intent
from core.work.context import Ctx
from core.work.rules import required
from core.work.unit_of_work import UnitOfWork

BEGINS: Final = Rate("payments", 30, 60 * 60)  # of one user: each asks the provider
RETURNS: Final = Rate("payment-returns", 20, 60)  # of one payment
REFUNDS: Final = Rate("payment-refunds", 60, 60 * 60)  # of one user


@dataclass(frozen=True, slots=True)
class Quote:
    """What something costs now, in minor units.

    `fee` is the marketplace's part, the rest comes to the payee's account of the kind `account`; without a payee all is a fee.
    """

    amount: int
    currency: str
    title: str
    payee_id: UUID | None = None
    fee: int = 0
    account: str = "available"
    is_manual: bool = False


Changed: TypeAlias = Callable[[UnitOfWork, Intent, Intent], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Purpose:
    """A kind of thing that may be paid for.

    `quote` says what one costs the caller, or raises why she cannot pay for it. `changed` runs in the transaction that changes a
    payment, with the payment before and after it.
    """

    name: str
    quote: Callable[[Ctx, UUID], Awaitable[Quote]]
    changed: Changed


@dataclass(frozen=True, slots=True)
class Plan:
    """A subscription on offer: what it costs every `days`, and what it entitles to, `grace` longer than paid for."""

    name: str
    title: str
    amount: int
    currency: str
    days: int
    entitlements: frozenset[str]
    grace: timedelta = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class PaymentRules:
    """Who takes the money, in which currencies and for what.

    `refunders`: roles that may take and refund any payment, besides its payee. `hook` and `back` are the paths of the calls that
    webhooks and browsers come to, `page` that of the page which browsers end on. `lasts`: how long a payment waits to be paid.
    """

    provider: str
    currencies: frozenset[str]
    purposes: tuple[Purpose, ...] = ()
    plans: tuple[Plan, ...] = ()
    refunders: frozenset[str] = frozenset()
    hook: str = "/api/payments/hook"
    back: str = "/api/payments/{id}/back"
    page: str = "/"
    lasts: timedelta = timedelta(days=1)

    def purpose(self, name: str) -> Purpose | None:
        """Return the kind of thing of this name."""
        return next((one for one in self.purposes if one.name == name), None)

    def plan(self, name: str) -> Plan | None:
        """Return the plan of this name."""
        return next((one for one in self.plans if one.name == name), None)


def rules_of(ctx: Ctx) -> PaymentRules:
    """Return the marketplace's rules."""
    rules = ctx.policy.payments
    return required(rules if isinstance(rules, PaymentRules) else None)
