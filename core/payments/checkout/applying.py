"""Applies what a provider says of a payment: the one place where its state changes, under the lock of its row.

Webhooks, browsers that come back and the reconciliation all end here; the second one finds it done. Money that moved is posted to
the ledger in the same transaction.
"""

from typing import Final
from uuid import UUID

import msgspec

from core.base import clock
from core.base.errors import INTERNAL_ERROR
from core.payments import states
from core.payments.checkout import booking, disputes, refunds, rows
from core.payments.checkout.rows import Intent
from core.payments.checkout.rules import rules_of
from core.payments.money import DECIMALS, formatted
from core.payments.port import Seen
from core.platform.db import found
from core.review_queue import queue
from core.review_queue.kinds import Subject, kind_named
from core.work.context import Ctx
from core.work.unit_of_work import UnitOfWork, unit_of_work

KIND: Final = "payment"  # of tasks of the review queue
PAID = frozenset({"authorized", "succeeded"})


def judged(intent: Intent, seen: Seen) -> Intent:
    """Return an intent after what its provider says; money that is not what was asked for never counts as paid."""
    state, charge = seen.state, seen.charge or intent.charge
    after = msgspec.structs.replace(intent, ref=seen.ref, charge=charge, pay_url=seen.pay_url, error=seen.error)
    if state not in PAID:
        return _moved(after, state, intent.attention)
    after = msgspec.structs.replace(after, received=seen.captured, received_currency=seen.currency)
    if intent.state == "canceled":
        is_back = state == "succeeded" and seen.refunded == seen.captured
        return after if is_back else _moved(after, "mismatch", "It was paid after it had been canceled")
    if intent.state == "succeeded":
        is_other = (seen.captured, seen.currency) != (intent.received, intent.received_currency)
        attention = (
            f"It was {intent.captured}, now it is {seen.captured} {seen.currency}" if is_other else after.attention
        )
        return msgspec.structs.replace(after, attention=attention)
    captured = seen.captured if state == "succeeded" else 0
    is_part = state == "succeeded" and captured < (1 if intent.is_manual else intent.amount)
    if (seen.amount, seen.currency) != (intent.amount, intent.currency) or captured > intent.amount or is_part:
        return _moved(after, "mismatch", f"{seen.amount} {seen.currency} came for {intent.amount} {intent.currency}")
    return _moved(after, state, intent.attention, captured)


def _moved(intent: Intent, state: states.IntentState, attention: str, captured: int = 0) -> Intent:
    """Return it in a new state, or as it is if that is old news; from `mismatch` only a person moves it."""
    if intent.state == "mismatch" or state not in states.INTENT[intent.state]:
        return intent
    return msgspec.structs.replace(intent, state=state, attention=attention, captured=captured, checks=0)


async def apply(ctx: Ctx, id: UUID, seen: Seen) -> Intent:
    """Store what the provider says of an intent, and all that follows from it; return it as it is now."""
    async with unit_of_work(ctx) as work:
        await queue.lock_about(work, KIND, id)
        intent = found(await rows.LOCK(work.db, id), INTERNAL_ERROR.error())
        if intent.ref not in (None, seen.ref):
            await _apply_stray(work, intent, seen)
        else:
            await _apply(work, intent, seen)
        now = found(await rows.LOCK(work.db, id), INTERNAL_ERROR.error())
        await ask_for_review(work, intent, now)
        if (intent.state, intent.refunded, intent.captured) != (now.state, now.refunded, now.captured):
            await tell(work, intent, now)
        return now


async def _apply(work: UnitOfWork, intent: Intent, seen: Seen) -> None:
    after = await store(work, intent, judged(intent, seen))
    if after.state == "succeeded":
        await refunds.apply(work, after, seen)
        await disputes.apply(work, after, seen)


async def store(work: UnitOfWork, before: Intent, after: Intent) -> Intent:
    """Store an intent whose row is locked, with the transfer of the money that moved."""
    now = clock.now()
    after = await booking.book(work, before, after)
    wait = states.after(after.state, after.checks)
    failed_until = after.expires_at + states.DAY if after.ref else now
    until = {"succeeded": after.created_at + states.WATCHED, "failed": failed_until}.get(after.state)
    check_at = now + wait if wait and (until is None or now < until) else None
    has_moved = (after.state, after.attention) != (before.state, before.attention)
    moved_at = now if has_moved else before.updated_at
    shown = (after.ref, after.charge, after.pay_url, after.state, after.error, after.attention)
    money = (after.received, after.received_currency, after.captured, after.transfer_id)
    await rows.UPDATE(work.db, after.id, *shown, *money, check_at, after.checks, moved_at)
    return after


async def _apply_stray(work: UnitOfWork, intent: Intent, seen: Seen) -> None:
    """Note a second payment for one intent, made by an attempt whose answer was lost: nobody was sent to its page."""
    if seen.state in PAID:
        await rows.ATTENTION(work.db, intent.id, f"It was paid twice, also as {seen.ref}")


async def ask_for_review(work: UnitOfWork, before: Intent, now: Intent) -> None:
    """Have somebody decide a payment that waits for a person, or see what is new of it; its row is locked."""
    kind, facts = kind_named(work.ctx.policy, KIND), _facts(now)
    if kind and now.attention and (not before.attention or facts != _facts(before)):
        await queue.request(work, kind, Subject("payment", now.id, now.payer_id), now.state, facts)


def _facts(intent: Intent) -> dict[str, str]:
    return {
        "Why": intent.attention,
        "For": intent.title,
        "Amount": _shown(intent.amount, intent.currency),
        "Came": _shown(intent.received or 0, intent.received_currency or intent.currency),
        "State": intent.state,
        "At the provider": f"{intent.provider} {intent.ref or ''}",
    }


def _shown(amount: int, currency: str) -> str:
    return f"{formatted(amount, currency) if currency in DECIMALS else amount} {currency}"


async def tell(work: UnitOfWork, before: Intent, after: Intent) -> None:
    """Tell the marketplace of the change."""
    await work.record(f"payment.{after.state}", after.id, captured=after.captured, refunded=after.refunded)
    purpose = rules_of(work.ctx).purpose(after.purpose)
    if purpose:
        await purpose.changed(work, before, after)
