"""Payments that wait for a person."""

from dataclasses import replace
from uuid import UUID

from api.ops.operators import OperatorCtx
from api.ops.structs import AfterPayment, PaymentDecision, WaitingPayment, WaitingPayments
from core.base import errors
from core.payments.checkout import intents, rows
from core.platform.db import found
from core.text.fields import view_of
from marketplaces import policy_of

FIRST = UUID(int=0)


async def list_payments(ctx: OperatorCtx, query: AfterPayment) -> WaitingPayments:
    """Get the payments that wait for a person, the oldest first."""
    waiting = await rows.WAITING(ctx.db, query.after or FIRST, query.limit)
    return WaitingPayments([view_of(WaitingPayment, one) for one in waiting])


async def decide_payment(ctx: OperatorCtx, payment_id: UUID, body: PaymentDecision) -> WaitingPayment:
    """Decide about a payment that waits for a person."""
    market = found(await rows.ANY(ctx.db, payment_id), errors.PAYMENT_NOT_FOUND.error()).market
    within = replace(ctx, policy=policy_of(market))
    after = await intents.decide(within, payment_id, body.decision, ctx.operator, body.note)
    return view_of(WaitingPayment, after)
