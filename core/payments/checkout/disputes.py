"""Disputes: payers who ask their bank for the money back. Money is posted when the provider withdraws it and gives it back."""

from typing import Final

import msgspec

from core.base import clock
from core.base.ids import uuid7
from core.payments import states
from core.payments.checkout import booking, rows
from core.payments.checkout.rows import Dispute, Intent
from core.payments.port import Seen, SeenDispute
from core.work.unit_of_work import UnitOfWork

DECIDED: Final = frozenset(state for state, next in states.DISPUTE.items() if not next)


async def apply(work: UnitOfWork, intent: Intent, seen: Seen) -> None:
    """Store what the provider says of the disputes of an intent, whose row is locked."""
    known = {one.ref: one for one in await rows.DISPUTES(work.db, intent.id)}
    for one in seen.disputes:
        before = known.get(one.ref) or Dispute(uuid7(), intent.id, one.ref, "inquiry", 0)
        after = _moved(before, one)
        if after != before or one.ref not in known:
            await _store(work, intent, before, after)
            if one.state != after.state in DECIDED:
                await rows.ATTENTION(work.db, intent.id, f"A dispute that was {after.state} is {one.state}: {one.ref}")


def _moved(dispute: Dispute, seen: SeenDispute) -> Dispute:
    if seen.state not in states.DISPUTE[dispute.state]:
        # A decided one may still be paid back, or be decided otherwise; all else is old news.
        counts = seen.state == dispute.state or {seen.state, dispute.state} <= DECIDED
        return msgspec.structs.replace(dispute, withdrawn=seen.withdrawn) if counts else dispute
    return msgspec.structs.replace(dispute, state=seen.state, withdrawn=seen.withdrawn)


async def _store(work: UnitOfWork, intent: Intent, before: Dispute, after: Dispute) -> None:
    if change := after.withdrawn - before.withdrawn:
        await booking.book_dispute(work, intent, before, change)
    if after.state == "lost" != before.state and after.withdrawn:
        await booking.book_loss(work, intent, after)
    if after.state == "open" != before.state:
        await rows.ATTENTION(work.db, intent.id, f"Its payer disputes it at her bank: {after.ref}")
    await rows.STORE_DISPUTE(work.db, after.id, intent.id, after.ref, after.state, after.withdrawn, clock.now())
    await work.record(f"payment.dispute_{after.state}", intent.id, dispute=after.ref, withdrawn=after.withdrawn)
