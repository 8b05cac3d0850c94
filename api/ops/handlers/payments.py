"""Payments that wait for a person."""

from dataclasses import replace
from uuid import UUID

from api.ops.operators import OperatorCtx
from api.ops.structs import AfterPayment, PaymentDecision, WaitingPayment, WaitingPayments
from core.base import errors
from core.payments.checkout import deciding, rows
from core.platform.db import found
from core.review_queue.kinds import Decision
from core.text.fields import view_of
from marketplaces import policy_of

FIRST = UUID(int=0)


async def list_payments(ctx: OperatorCtx, query: AfterPayment) -> WaitingPayments:
    """Get the payments that wait for a person, the oldest first."""
    waiting = await rows.WAITING(ctx.db, query.after or FIRST, query.limit)
    return WaitingPayments([view_of(WaitingPayment, one) for one in waiting])


async def decide_payment(ctx: OperatorCtx, payment_id: UUID, body: PaymentDecision) -> WaitingPayment:
    """Decide about a payment that waits for a person, and so its task in the review queue."""
    market = found(await rows.ANY(ctx.db, payment_id), errors.PAYMENT_NOT_FOUND.error()).market
    within = replace(ctx, policy=policy_of(market))
    decision = Decision(body.decision, body.note, ctx.reviewer)
    return view_of(WaitingPayment, await deciding.resolve(within, payment_id, decision))
