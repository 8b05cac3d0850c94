"""Sends a refund to its provider."""

from uuid import UUID

from core.base import clock, errors
from core.payments.checkout import intents, refunds, rows
from core.payments.port import RefundOrder, RefusedError
from core.payments.states import MINUTE
from core.platform.db import UniqueViolation, found
from core.platform.outgoing import OutgoingError
from core.work.context import Ctx
from core.work.jobs import BusyError


async def send(ctx: Ctx, id: UUID) -> None:
    """Send a refund, if it waits for that; what becomes of it is asked for afterwards. Raises BusyError, OutgoingError."""
    refund = await rows.REFUND(ctx.db, id)
    if refund is None or refund.state != "requested":
        return
    intent = found(await rows.BY_ID(ctx.db, refund.intent_id, ctx.policy.name), errors.PAYMENT_NOT_FOUND.error())
    # What was refunded at the provider's before is not taken for this one.
    intent = await intents.sync(ctx, intent)
    try:
        sent = await rows.SEND(ctx.db, id, clock.now())
    except UniqueViolation:
        raise BusyError(MINUTE.total_seconds()) from None
    if sent is None:
        return
    refusal, order = "", RefundOrder(id, sent.tries, intent.charge, sent.amount, intent.currency)
    try:
        await intents.driver(ctx, intent.provider).refund(order)
    except RefusedError as error:
        refusal = str(error) or "It was refused"
    except OutgoingError:
        await rows.CHECK_AT(ctx.db, intent.id, clock.now() + MINUTE)
    await intents.sync(ctx, intent)
    if refusal:
        await refunds.fail(ctx, id, refusal)
