"""Payments that wait for a person, who decides them in the review queue, if the marketplace has this kind, else directly."""

from typing import Final
from uuid import UUID

import msgspec

from core.base import clock, errors
from core.payments.checkout import applying, rows
from core.payments.checkout.applying import KIND
from core.payments.checkout.rows import Intent
from core.platform.db import found
from core.review_queue import deciding
from core.review_queue import table as review_tasks
from core.review_queue.kinds import ADMIN, OPEN, Decision, ReviewKind
from core.review_queue.table import ReviewTask
from core.work.context import Ctx
from core.work.unit_of_work import UnitOfWork, unit_of_work

CLOSE: Final = "close"


async def resolve(ctx: Ctx, id: UUID, decision: Decision) -> Intent:
    """Decide a payment that waits: its task in the review queue, if it has one, so that the two cannot disagree.

    accept: what came counts, and may be refunded as usual. close: it was dealt with at the provider's. ask: the provider is asked
    again. Raises PAYMENT_NOT_FOUND, PAYMENT_NOT_POSSIBLE; what `decide` of the review queue raises, if it has the payment.
    """
    if task := await review_tasks.OPEN_ABOUT(ctx.db, ctx.policy.name, KIND, id):
        await deciding.decide(ctx, decision.reviewer, task, decision.name, decision.note)
    else:
        async with unit_of_work(ctx) as work:
            await _decide(work, id, decision)
    return found(await rows.BY_ID(ctx.db, id, ctx.policy.name), errors.PAYMENT_NOT_FOUND.error())


async def _decide(work: UnitOfWork, id: UUID, by: Decision) -> None:
    intent = found(await rows.LOCK(work.db, id), errors.PAYMENT_NOT_FOUND.error())
    if not intent.attention or not _fits(intent, by.name):
        raise errors.PAYMENT_NOT_POSSIBLE.error()
    after = msgspec.structs.replace(intent, attention="", checks=0)
    if by.name == "accept":
        after = msgspec.structs.replace(after, state="succeeded", captured=intent.received or 0)
    elif by.name == CLOSE and intent.state == "mismatch":
        after = msgspec.structs.replace(after, state="canceled")
    after = await applying.store(work, intent, after)
    if by.name != CLOSE:  # what counts now may have been refunded meanwhile
        await rows.CHECK_AT(work.db, id, clock.now())
    await work.record("payment.decide", id, None, decision=by.name, note=by.note, **by.reviewer.facts)
    if after.state != intent.state:
        await applying.tell(work, intent, after)


def _fits(intent: Intent, decision: str) -> bool:
    """Return whether a payment can be decided so; what a provider says does not end a mismatch, so asking would lose it."""
    if decision == "accept":
        return intent.state == "mismatch" and bool(intent.received) and intent.received_currency == intent.currency
    return decision != "ask" or intent.state != "mismatch"


async def _decided(work: UnitOfWork, task: ReviewTask, decision: Decision) -> None:
    intent = await rows.BY_ID(work.db, task.subject_id, task.market)
    if intent and not intent.attention and decision.name == CLOSE:
        return  # a process of an earlier version has decided it
    await _decide(work, task.subject_id, decision)


REVIEW: Final = ReviewKind(KIND, {OPEN: ("accept", CLOSE, "ask")}, _decided, role=ADMIN)
