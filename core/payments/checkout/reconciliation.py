"""Reconciliation: asks providers about what is open, or may have been missed, so that nothing depends on a webhook.

Rows are claimed for a minute, by one process each. The waits grow; what does not change for days is given up loudly, and a
person decides.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import msgspec

from core.base import clock
from core.base.errors import AppError
from core.payments.checkout import applying, intents, rows, subscriptions, webhooks
from core.payments.checkout.intents import driver
from core.payments.checkout.rows import Intent
from core.payments.checkout.subscriptions import Subscription
from core.payments.checkout.webhooks import Event
from core.payments.port import RefusedError
from core.payments.states import GIVEN_UP, MINUTE
from core.platform.db import UNAVAILABLE_ERRORS, Many, Row
from core.platform.outgoing import OutgoingError
from core.review_queue import queue
from core.work.context import Ctx
from core.work.unit_of_work import unit_of_work

AT_ONCE: Final = 5
MOST: Final = 200  # of a kind in one run; the next run goes on
SECONDS: Final = 5.0  # of a kind in one run
# What may go better at the next time.
PASSES: Final[tuple[type[Exception], ...]] = (OutgoingError, RefusedError, AppError, *UNAVAILABLE_ERRORS)

log = logging.getLogger(__name__)


async def reconcile(ctx: Ctx) -> None:
    """Ask about the marketplace's rows that are due; a kind whose provider does not answer waits for the next run."""
    await _each(ctx, webhooks.CLAIM, _work_off)
    await _each(ctx, rows.CLAIM, _sync)
    await _each(ctx, subscriptions.CLAIM, _sync_subscription)
    for event in await webhooks.GIVE_UP(ctx.db, clock.now() - GIVEN_UP, ctx.policy.name):
        log.error("the webhook %s (%s) was given up", event.id, event.type)


async def _each(ctx: Ctx, claim: Many[Row], ask: Callable[[Ctx, Row], Awaitable[None]]) -> None:
    end, left = asyncio.get_running_loop().time() + SECONDS, MOST
    while left > 0 and asyncio.get_running_loop().time() < end:
        now = clock.now()
        claimed = await claim(ctx.db, now, AT_ONCE, now + MINUTE, ctx.policy.name)
        answered = await asyncio.gather(*(_asked(ctx, ask, one) for one in claimed))
        if len(claimed) < AT_ONCE or not any(answered):
            return
        left -= len(claimed)


async def _asked(ctx: Ctx, ask: Callable[[Ctx, Row], Awaitable[None]], row: Row) -> bool:
    try:
        await ask(ctx, row)
    except PASSES as error:
        log.warning("a payment could not be brought up to date: %r", error)
        return False
    except Exception:  # of one row: the others must not wait for it
        log.exception("a payment could not be brought up to date")
    return True


async def _work_off(ctx: Ctx, event: Event) -> None:
    await webhooks.work_off(ctx, event.id)


async def _sync(ctx: Ctx, intent: Intent) -> None:
    try:
        is_over = intent.state in ("pending", "failed") and intent.expires_at < clock.now()
        if is_over and intent.ref:
            await _cancel(ctx, intent, intent.ref)
        await intents.sync(ctx, intent)
    finally:
        await _give_up(ctx, intent, clock.now() - GIVEN_UP)


async def _give_up(ctx: Ctx, intent: Intent, since: datetime) -> None:
    """Leave a payment to a person that has not changed since, or has a refund that was asked for before."""
    now = await rows.BY_ID(ctx.db, intent.id, intent.market)
    if now is None or now.check_at is None:
        return
    is_open = now.state not in ("succeeded", "failed") or await rows.IS_STUCK(ctx.db, intent.id, since)
    if is_open and now.updated_at < since:
        what = "a refund of it is open" if now.state == "succeeded" else f"it is {now.state}"
        why = f"For {GIVEN_UP.days} days {what}"
        async with unit_of_work(ctx) as work:
            await queue.lock_about(work, applying.KIND, now.id)
            if await rows.LOCK(work.db, now.id) != now:
                return  # it has changed meanwhile
            await rows.GIVE_UP(work.db, now.id, why)
            await applying.ask_for_review(work, now, msgspec.structs.replace(now, attention=why))
        log.error("payment %s: for %s days %s", intent.id, GIVEN_UP.days, what)


async def _cancel(ctx: Ctx, intent: Intent, ref: str) -> None:
    """Let nobody pay any more what was begun too long ago; what was paid in the meantime is not canceled."""
    try:
        await driver(ctx, intent.provider).cancel(ref)
    except RefusedError as error:
        log.info("a payment is not canceled: %s", error)


async def _sync_subscription(ctx: Ctx, one: Subscription) -> None:
    now = await subscriptions.sync(ctx, one)
    if (
        now.canceling
        and now.check_at
        and now.state not in ("canceled", "ended")
        and one.updated_at < clock.now() - GIVEN_UP
    ):
        log.error("the subscription %s is not ended by its provider", one.id)
