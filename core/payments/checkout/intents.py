"""Payments: begun by who pays, brought up to date by asking the provider, captured or canceled."""

from collections.abc import Awaitable
from contextlib import suppress
from uuid import UUID

import msgspec

from core.base import clock, errors
from core.base.errors import AppError
from core.base.ids import BigintIds
from core.payments.checkout import applying, booking, rows
from core.payments.checkout.rows import Intent
from core.payments.checkout.rules import BEGINS, RETURNS, PaymentRules, Quote, rules_of
from core.payments.port import Order, Provider, RefusedError
from core.payments.providers import providers_of
from core.payments.states import INTENT, MINUTE, IntentState
from core.platform.db import found
from core.platform.outgoing import OutgoingError
from core.work import rate_limits as limits
from core.work.context import Ctx
from core.work.unit_of_work import unit_of_work


async def begin(ctx: Ctx, purpose: str, subject_id: UUID, expected: int | None = None) -> Intent:
    """Begin the caller's payment for something, or go on with the one that she has begun; its `pay_url` is where she pays.

    `expected`: the price that she saw. Must not run in a unit of work, because the provider is asked between two.
    Raises NOT_FOUND, PRICE_CHANGED, PROVIDER_UNAVAILABLE, RATE_LIMITED, and as the purpose's `quote` does.
    """
    if ctx.work:
        raise RuntimeError("a payment that is begun in a transaction would not be stored when its provider makes it")
    rules = rules_of(ctx)
    kind = rules.purpose(purpose)
    if kind is None:
        raise errors.NOT_FOUND.error()
    await limits.take(ctx, BEGINS, str(ctx.user.id))
    quote = await kind.quote(ctx, subject_id)
    if quote.currency not in rules.currencies:
        raise errors.invalid("currency", f"Must be one of {', '.join(sorted(rules.currencies))}")
    booking.check(ctx, quote.currency, quote.account)
    if expected not in (None, quote.amount):
        raise errors.PRICE_CHANGED.error()
    intent = await _opened(ctx, rules, purpose, subject_id, quote)
    if intent.amount != quote.amount or intent.currency != quote.currency:
        await cancel(ctx, intent)  # begun at another price
        intent = await _opened(ctx, rules, purpose, subject_id, quote)
    return intent if intent.ref else await _create(ctx, intent)


async def get(ctx: Ctx, id: UUID) -> Intent:
    """Return a payment of the caller, by her or to her; raises PAYMENT_NOT_FOUND."""
    intent = await rows.BY_ID(ctx.db, id, ctx.policy.name)
    if intent is None or ctx.user.id not in (intent.payer_id, intent.payee_id):
        raise errors.PAYMENT_NOT_FOUND.error()
    return intent


async def sync(ctx: Ctx, intent: Intent) -> Intent:
    """Ask the provider about a payment, and store what it says; raises OutgoingError, RefusedError.

    One that it has never heard of is canceled once its time is over.
    """
    provider = driver(ctx, intent.provider)
    if intent.ref:
        seen = await provider.fetch(intent.ref)
    else:
        order = _order(ctx, intent, intent.tries)
        made = await provider.find(order) if intent.tries else None
        if made is None:
            return await _end(ctx, intent, "canceled") if intent.expires_at < clock.now() else intent
        seen = made
    return await applying.apply(ctx, intent.id, seen)


async def come_back(ctx: Ctx, id: UUID) -> str:
    """Return where a browser goes that comes back from a provider: to the page, which then gets the payment.

    Nothing that it brings along is believed. Raises RATE_LIMITED, PAYMENT_NOT_FOUND.
    """
    await limits.take(ctx, RETURNS, str(id))
    intent = found(await rows.BY_ID(ctx.db, id, ctx.policy.name), errors.PAYMENT_NOT_FOUND.error())
    if intent.state not in ("succeeded", "mismatch", "canceled"):
        with suppress(OutgoingError, RefusedError):  # the webhook or the reconciliation does it
            await sync(ctx, intent)
    shown = BigintIds(ctx.policy.name).shown(str(id))
    return f"{ctx.resources.settings.public_url}{rules_of(ctx).page}#payment={shown}"


async def capture(ctx: Ctx, intent: Intent, amount: int | None = None) -> Intent:
    """Take an authorized payment, or a part of it (the rest is released).

    Raises PAYMENT_NOT_POSSIBLE, PROVIDER_UNAVAILABLE.
    """
    amount = intent.amount if amount is None else amount
    if intent.state != "authorized" or not intent.ref or not 0 < amount <= intent.amount:
        raise errors.PAYMENT_NOT_POSSIBLE.error()
    return await _done(ctx, intent, driver(ctx, intent.provider).capture(intent.ref, amount), "succeeded")


async def cancel(ctx: Ctx, intent: Intent) -> Intent:
    """Give up a payment that was not taken; raises PAYMENT_NOT_POSSIBLE, PROVIDER_UNAVAILABLE."""
    if intent.state == "canceled":
        return intent
    if intent.state not in ("created", "pending", "authorized"):
        raise errors.PAYMENT_NOT_POSSIBLE.error()
    if not intent.ref:
        intent = await _asked(ctx, intent)
    if not intent.ref:
        return await _end(ctx, intent, "canceled")
    return await _done(ctx, intent, driver(ctx, intent.provider).cancel(intent.ref), "canceled")


def driver(ctx: Ctx, name: str = "") -> Provider:
    """Return the driver of a provider, or of the one that takes the marketplace's money now; raises NOT_FOUND."""
    known = providers_of(ctx.resources.settings, ctx.resources.outgoing)
    one = known.get(name) if name else known.get(rules_of(ctx).provider) or known.get("sandbox")
    if one is None:
        raise errors.NOT_FOUND.error("There is no such payment provider here")
    return one


async def _opened(ctx: Ctx, rules: PaymentRules, purpose: str, subject_id: UUID, quote: Quote) -> Intent:
    """Return the caller's open payment for something, a new one if there is none; the database holds that there is one."""
    key, now = (ctx.policy.name, purpose, subject_id, ctx.user.id), clock.now()
    intent = await rows.OPEN(ctx.db, *key)
    if intent is None:
        who = (ctx.policy.name, ctx.user.id, quote.payee_id, purpose, subject_id)
        what = (
            quote.title,
            quote.account,
            quote.amount,
            quote.fee,
            quote.currency,
            quote.is_manual,
            driver(ctx).name,
            None,
        )
        times = (now, now + rules.lasts, now + MINUTE)
        await rows.INSERT(ctx.db, ctx.new_id(), *who, *what, *times)
        intent = await rows.OPEN(ctx.db, *key)
    return found(intent, errors.UNAVAILABLE.error())  # it was over at once


async def _create(ctx: Ctx, intent: Intent) -> Intent:
    """Ask the provider for a payment, unless an earlier attempt has made it."""
    intent = await _asked(ctx, intent)
    if intent.ref or intent.state != "created":
        return intent
    attempt = await rows.TRY(ctx.db, intent.id) or 1
    try:
        seen = await driver(ctx, intent.provider).create(_order(ctx, intent, attempt))
    except RefusedError as error:
        await _end(ctx, intent, "failed", str(error))
        raise errors.PAYMENT_REFUSED.error() from error
    except OutgoingError as error:
        raise unavailable() from error
    return await applying.apply(ctx, intent.id, seen)


async def _asked(ctx: Ctx, intent: Intent) -> Intent:
    try:
        return await sync(ctx, intent)
    except (OutgoingError, RefusedError) as error:
        raise unavailable() from error


async def _done(ctx: Ctx, intent: Intent, call: Awaitable[None], wanted: IntentState) -> Intent:
    """Make a call about a payment, and return what became of it: of the two the second one counts."""
    try:
        await call
    except (OutgoingError, RefusedError):
        await rows.CHECK_AT(ctx.db, intent.id, clock.now() + MINUTE)
    now = await _asked(ctx, intent)
    if now.state != wanted:
        raise errors.PAYMENT_NOT_POSSIBLE.error()
    return now


async def _end(ctx: Ctx, intent: Intent, state: IntentState, error: str = "") -> Intent:
    """Store the end of a payment that the provider has not made."""
    async with unit_of_work(ctx) as work:
        now = found(await rows.LOCK(work.db, intent.id), errors.PAYMENT_NOT_FOUND.error())
        if now.ref or state not in INTENT[now.state]:
            return now
        after = await applying.store(work, now, msgspec.structs.replace(now, state=state, error=error))
        await applying.tell(work, now, after)
        return after


def _order(ctx: Ctx, intent: Intent, attempt: int) -> Order:
    rules, base = rules_of(ctx), ctx.resources.settings.public_url
    back = base + rules.back.format(id=BigintIds(ctx.policy.name).shown(str(intent.id)))
    what = (intent.amount, intent.currency, intent.title, intent.is_manual)
    return Order(intent.id, attempt, *what, return_url=back, hook_url=base + rules.hook)


def unavailable() -> AppError:
    """Return the error of a provider that did not answer: the outcome is unknown, and found later."""
    return errors.PROVIDER_UNAVAILABLE.error("The payment provider cannot be reached right now")
