"""Payments. What may be paid for is a marketplace's rule: its own calls begin them, by `begin`."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from core.base import errors
from core.base.answers import Answer, RawBody
from core.base.paging import AfterQuery, Position, page_of
from core.market.traits import call
from core.payments.checkout import intents, refunds, rows, webhooks
from core.payments.checkout.rows import Intent
from core.payments.checkout.rules import rules_of
from core.payments.money import places_of
from core.payments.states import IntentState, RefundState
from core.text.fields import Line, view_of
from core.work.context import Ctx

Amount = Annotated[int, Meta(ge=1, le=10**15)]
UNAVAILABLE = (errors.PROVIDER_UNAVAILABLE, errors.PAYMENT_NOT_POSSIBLE)


class Payment(msgspec.Struct, frozen=True, rename="camel"):
    """A payment. Amounts are in minor units: an amount of 1 is the last of so many `decimals` of the currency.

    `payUrl` is where its payer pays, while it is `pending`. `refunding`: what is or will be refunded of `captured`.
    """

    id: UUID
    payer_id: UUID
    payee_id: UUID | None
    purpose: str
    subject_id: UUID
    title: str
    amount: int
    currency: str
    decimals: int
    state: IntentState
    captured: int
    refunding: int
    refunded: int
    error: str
    pay_url: str
    created_at: datetime
    updated_at: datetime


class Payments(msgspec.Struct, frozen=True, rename="camel"):
    payments: list[Payment]
    next_cursor: str | None


class PartOfPayment(msgspec.Struct, frozen=True):
    """How much of a payment; without an amount all of it."""

    amount: Amount | None = None


class NewRefund(PartOfPayment, frozen=True):
    """Likewise all that is left of it, and why, for the people of the marketplace."""

    reason: Line = ""


class RefundView(msgspec.Struct, frozen=True, rename="camel"):
    """A refund. It is `requested` and `sent` before it is known to the provider."""

    id: UUID
    amount: int
    state: RefundState
    created_at: datetime
    settled_at: datetime | None


class Refunds(msgspec.Struct, frozen=True):
    refunds: list[RefundView]


def view(ctx: Ctx, intent: Intent) -> Payment:
    """Return a payment as the caller may see it."""
    own = intent if ctx.user.id == intent.payer_id else None  # why her card was declined is nobody else's business
    pay_url = own.pay_url if own and own.state == "pending" else ""
    return view_of(
        Payment, intent, decimals=places_of(intent.currency), pay_url=pay_url, error=own.error if own else ""
    )


@call(needs="payments")
async def list_payments(ctx: Ctx, query: AfterQuery) -> Payments:
    """Get what the user has paid and was paid, the latest first"""
    after = query.after
    found = await rows.PAGE_OF_USER(ctx.db, ctx.user.id, ctx.policy.name, after.at, after.id, query.limit + 1)
    page = page_of(query, found, lambda row: Position(row.created_at, row.id))
    return Payments([view(ctx, one) for one in page.rows], page.next_cursor)


@call(errors.PAYMENT_NOT_FOUND)
async def get_payment(ctx: Ctx, payment_id: UUID) -> Payment:
    """Get a payment by or to the user"""
    return view(ctx, await intents.get(ctx, payment_id))


@call(errors.PAYMENT_NOT_FOUND, *UNAVAILABLE)
async def cancel_payment(ctx: Ctx, payment_id: UUID) -> Payment:
    """Give up a payment that was not taken"""
    return view(ctx, await intents.cancel(ctx, await intents.get(ctx, payment_id)))


@call(errors.PAYMENT_NOT_FOUND, errors.FORBIDDEN, *UNAVAILABLE)
async def capture_payment(ctx: Ctx, payment_id: UUID, body: PartOfPayment) -> Payment:
    """Take an authorized payment, or a part of it, as its payee"""
    return view(ctx, await intents.capture(ctx, await _of_payee(ctx, payment_id), body.amount))


@call(
    errors.PAYMENT_NOT_FOUND,
    errors.FORBIDDEN,
    errors.PAYMENT_NOT_POSSIBLE,
    errors.REFUND_TOO_LARGE,
    errors.INSUFFICIENT_FUNDS,
)
async def refund_payment(ctx: Ctx, payment_id: UUID, body: NewRefund) -> RefundView:
    """Refund a payment, or a part of it, as its payee"""
    intent = await _of_payee(ctx, payment_id)
    amount = body.amount or intent.captured - intent.refunding
    return view_of(RefundView, await refunds.request(ctx, intent.id, amount, body.reason))


@call(errors.PAYMENT_NOT_FOUND)
async def list_refunds(ctx: Ctx, payment_id: UUID) -> Refunds:
    """Get the refunds of a payment by or to the user"""
    await intents.get(ctx, payment_id)
    return Refunds([view_of(RefundView, one) for one in await rows.REFUNDS(ctx.db, payment_id)])


@call(errors.PAYMENT_NOT_FOUND, statuses=(303,))
async def come_back(ctx: Ctx, payment_id: UUID) -> Answer[None]:
    """Send a browser that comes back from the payment provider to the page, where it gets the payment"""
    return Answer(303, None, location=await intents.come_back(ctx, payment_id))


@call(errors.FORBIDDEN, errors.NOT_FOUND, statuses=(204,), needs="payments")
async def take_hook(ctx: Ctx, raw: RawBody) -> None:
    """Take a webhook of the payment provider"""
    await webhooks.take(ctx, raw)


async def _of_payee(ctx: Ctx, id: UUID) -> Intent:
    """Return a payment that the caller may take and refund: she was paid, or has a role that refunds."""
    if ctx.user.role in rules_of(ctx).refunders:
        intent = await rows.BY_ID(ctx.db, id, ctx.policy.name)
        if intent:
            return intent
    intent = await intents.get(ctx, id)
    if ctx.user.id != intent.payee_id:
        raise errors.FORBIDDEN.error("Only its payee can do this")
    return intent
