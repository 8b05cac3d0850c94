"""Refunds. The database holds that they never exceed what was captured, and that one of a payment is under way at a time.

A refund is stored, then sent by a job. If its outcome is unknown, the provider is asked, and it is sent again only once the
provider has long known nothing of it.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from core.base import clock, errors
from core.base.ids import uuid7
from core.payments import states
from core.payments.checkout import booking, rows
from core.payments.checkout.rows import Intent, Refund
from core.payments.checkout.rules import REFUNDS
from core.payments.port import Seen, SeenRefund
from core.platform.db import found
from core.work import rate_limits as limits
from core.work.context import Ctx
from core.work.jobs import SendRefund
from core.work.unit_of_work import UnitOfWork, unit_of_work

MOST_ERROR: Final = 200
UNKNOWN: Final = timedelta(minutes=10)  # for which a sent refund may still become known to its provider


async def request(ctx: Ctx, id: UUID, amount: int, reason: str = "") -> Refund:
    """Refund so much of a payment; raises PAYMENT_NOT_POSSIBLE, REFUND_TOO_LARGE, INSUFFICIENT_FUNDS (its payee has spent
    it), RATE_LIMITED.

    Who may is for the caller to check. In a unit of work it becomes a part of that.
    """
    if ctx.caller:
        await limits.take(ctx, REFUNDS, str(ctx.caller.id))
    async with unit_of_work(ctx) as work:
        intent = found(await rows.LOCK(work.db, id), errors.PAYMENT_NOT_FOUND.error())
        withdrawn = [one for one in await rows.DISPUTES(work.db, id) if one.withdrawn]
        if intent.state != "succeeded" or withdrawn:
            raise errors.PAYMENT_NOT_POSSIBLE.error("Only what was paid, and is not disputed, can be refunded")
        if not 0 < amount <= intent.captured - intent.refunding:
            raise errors.REFUND_TOO_LARGE.error()
        new, by = work.new_id(), ctx.caller.id if ctx.caller else None
        held = await booking.reserve(work, intent, new, amount)
        await rows.INSERT_REFUND(work.db, new, id, amount, "requested", "", reason, by, held, clock.now())
        await rows.SOON(work.db, id, clock.now() + states.MINUTE)
        await work.record("payment.refund", id, refund=str(new), amount=amount)
        work.enqueue(SendRefund(intent.market, str(new)))
        return found(await rows.REFUND(work.db, new), errors.INTERNAL_ERROR.error())


async def apply(work: UnitOfWork, intent: Intent, seen: Seen) -> None:
    """Store what the provider says of the refunds of an intent, whose row is locked."""
    known = await rows.REFUNDS(work.db, intent.id)
    for one, refund in _by_ids(known, seen.refunds) if seen.refunds is not None else _by_sum(known, seen.refunded):
        await _settle(work, intent, one, refund)
    await _go_on(work, intent)


async def fail(ctx: Ctx, id: UUID, error: str) -> None:
    """Store that the provider has refused a refund, unless it has made it after all."""
    async with unit_of_work(ctx) as work:
        refund = found(await rows.LOCK_REFUND(work.db, id), errors.INTERNAL_ERROR.error())
        if refund.state == "sent":
            await booking.settle(work, refund, "failed")
            await rows.UPDATE_REFUND(work.db, id, "failed", "", error[:MOST_ERROR], clock.now())
            await work.record("payment.refund_failed", refund.intent_id, refund=str(id))


def _by_ids(known: list[Refund], seen: tuple[SeenRefund, ...]) -> list[tuple[SeenRefund, Refund | None]]:
    """Return which refund each of the provider's is; None: one that we did not ask for, or that was made though it was refused.

    Each of ours is one of the provider's, so a second one with our id is not ours.
    """
    refs = {one.ref: one for one in known if one.ref}
    ids = {str(one.id): one for one in known if not one.ref and one.state != "failed"}
    return [(one, refs.get(one.ref) or ids.pop(one.reference, None)) for one in seen]


def _by_sum(known: list[Refund], total: int) -> list[tuple[SeenRefund, Refund | None]]:
    """Return the same where the provider knows only the sum: what is new in it is the one under way, if it is so much."""
    rest = total - sum(one.amount for one in known if one.state == "succeeded")
    sent = next((one for one in known if one.state == "sent"), None) or next(
        (one for one in known if _is_lost(one)), None
    )
    found: list[tuple[SeenRefund, Refund | None]] = []
    if sent and rest >= sent.amount:
        found.append((SeenRefund("", str(sent.id), sent.amount, "succeeded"), sent))
        rest -= sent.amount
    if rest > 0:
        found.append((SeenRefund(f"sum:{total}", "", rest, "succeeded"), None))
    return found


def _is_lost(refund: Refund) -> bool:
    """Whether it was sent, and is to be sent again because its provider knew nothing of it."""
    return refund.state == "requested" and refund.tries > 0


async def _settle(work: UnitOfWork, intent: Intent, seen: SeenRefund, refund: Refund | None) -> None:
    if refund and refund.amount != seen.amount:
        await rows.ATTENTION(work.db, intent.id, f"{seen.amount} {intent.currency} were refunded for {refund.amount}")
        if refund.ref:
            return
        await booking.settle(work, refund, "failed")
        await rows.UPDATE_REFUND(work.db, refund.id, "failed", "", "Another amount was refunded", clock.now())
        refund = None
    if refund is None:
        if seen.state == "failed":
            return
        # Ours that are not sent yet may be more than is left now: they go first, and are refused.
        now = found(await rows.LOCK(work.db, intent.id), errors.INTERNAL_ERROR.error())
        if seen.amount > now.captured - now.refunding:
            if now.refunding == now.refunded:
                await rows.ATTENTION(
                    work.db, intent.id, f"More was refunded than was paid: {seen.amount} as {seen.ref}"
                )
            return
        new, at = uuid7(), clock.now()
        held = await booking.reserve_spent(work, intent, new, seen.amount)
        await rows.INSERT_REFUND(work.db, new, intent.id, seen.amount, "pending", seen.ref, "", None, held, at)
        refund = found(await rows.REFUND(work.db, new), errors.INTERNAL_ERROR.error())
    if _is_lost(refund) and seen.state != "failed" and await rows.SENT_AGAIN(work.db, refund.id):
        refund = msgspec.structs.replace(refund, state="sent")
    if seen.state not in states.REFUND[refund.state]:
        return
    if seen.state != "pending":
        await booking.settle(work, refund, seen.state)
    await rows.UPDATE_REFUND(work.db, refund.id, seen.state, seen.ref, "", clock.now())


async def _go_on(work: UnitOfWork, intent: Intent) -> None:
    """Send what is not sent, or was lost on its way; ask again as long as anything is open."""
    now = clock.now()
    known = await rows.REFUNDS(work.db, intent.id)
    for one in known:
        if one.state == "sent" and one.sent_at and one.sent_at < now - UNKNOWN:
            await rows.UPDATE_REFUND(work.db, one.id, "requested", "", "", None)
            work.enqueue(SendRefund(intent.market, str(one.id)))
        elif one.state == "requested" and one.created_at < now - states.MINUTE:
            work.enqueue(SendRefund(intent.market, str(one.id)))
    wait = next((wait for state, wait in _OPEN if any(one.state == state for one in known)), None)
    if wait:
        await rows.CHECK_AT(work.db, intent.id, now + min(wait * (1 << min(intent.checks, 6)), states.HOUR))


_OPEN: Final = (("requested", states.MINUTE), ("sent", states.MINUTE), ("pending", states.HOUR))
