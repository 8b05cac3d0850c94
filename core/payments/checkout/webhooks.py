"""Webhooks of providers: verified, stored once, answered at once, and worked off later, in any order and as often as they come.

What one says is not believed, and not stored: it names what to ask about.
"""

from typing import Final
from uuid import UUID

import msgspec

from core.base import clock, errors, ids
from core.base.answers import RawBody
from core.payments.checkout import applying, rows, subscriptions
from core.payments.checkout.intents import driver
from core.payments.port import ForgedError, RefusedError
from core.payments.states import MINUTE
from core.platform.db import Many, One, Run, Scalar
from core.work.context import Ctx
from core.work.jobs import TakePaymentEvent
from core.work.unit_of_work import unit_of_work

MOST_BYTES: Final = 64 * 1024
MOST_LETTERS: Final = 255  # of an id or a type


class Event(msgspec.Struct, frozen=True):
    """A webhook that was stored."""

    id: UUID
    market: str
    provider: str
    type: str
    about: str
    ref: str
    state: str


_EVENT = ", ".join(Event.__struct_fields__)
INSERT = Scalar(
    UUID,
    """
    insert into payment_events (id, market, provider, event_id, type, about, ref, state, received_at, check_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing returning id""",
)
BY_ID = One(Event, f"select {_EVENT} from payment_events where id = $1")  # noqa: S608
DONE = Run("update payment_events set state = $2, done_at = $3, check_at = null where id = $1 and state = 'received'")
CLAIM = Many(
    Event,
    f"""
    update payment_events set check_at = $3::timestamptz + checks * checks * interval '1 minute', checks = checks + 1
    where id in (
        select id from payment_events where check_at <= $1 and market = $4
        order by check_at limit $2 for no key update skip locked
    )
    returning {_EVENT}""",  # noqa: S608
)
FORGET = Run(
    """
    delete from payment_events where id in (
        select id from payment_events where received_at < $1 order by received_at limit $2
    )"""
)
GIVE_UP = Many(
    Event,
    f"""
    update payment_events set state = 'given up', check_at = null where id in (
        select id from payment_events where check_at is not null and received_at < $1 and market = $2
        order by check_at limit 100 for no key update skip locked
    )
    returning {_EVENT}""",  # noqa: S608
)


async def take(ctx: Ctx, hook: RawBody) -> None:
    """Store a webhook of the marketplace's provider, and have it worked off; raises FORBIDDEN, PAYLOAD_TOO_LARGE, NOT_FOUND."""
    counted = ctx.resources.metrics.payment_hooks
    if len(hook.octets) > MOST_BYTES:
        raise errors.PAYLOAD_TOO_LARGE.error()
    provider, now = driver(ctx), clock.now()
    try:
        hint = provider.read(hook, now)
    except ForgedError as error:
        counted.labels("forged").inc()
        raise errors.FORBIDDEN.error("This is no webhook of the payment provider") from error
    id, names = (
        ids.uuid7(),
        (hint.event_id[:MOST_LETTERS], hint.type[:MOST_LETTERS], hint.about, hint.ref[:MOST_LETTERS]),
    )
    state, check_at = ("received", now + MINUTE) if hint.about else ("ignored", None)
    async with unit_of_work(ctx) as work:
        is_new = await INSERT(work.db, id, ctx.policy.name, provider.name, *names, state, now, check_at)
        if is_new and hint.about:
            work.enqueue(TakePaymentEvent(ctx.policy.name, str(id)))
    counted.labels(state if is_new else "repeated").inc()


async def work_off(ctx: Ctx, id: UUID) -> None:
    """Ask the provider about what a webhook names; raises OutgoingError. One that was worked off is so for good."""
    event = await BY_ID(ctx.db, id)
    if event is None or event.state != "received":
        return
    try:
        known = await (_take_payment if event.about == "payment" else _take_subscription)(ctx, event)
    except RefusedError:
        known = False
    await DONE(ctx.db, id, "done" if known else "ignored", clock.now())


async def _take_payment(ctx: Ctx, event: Event) -> bool:
    """Bring a payment up to date; return False if it is none of ours. It may be ours though we never got to know its `ref`."""
    seen = await driver(ctx, event.provider).fetch(event.ref)
    intent = await rows.BY_REF(ctx.db, event.provider, seen.ref, event.market)
    if intent is None and (id := ids.parsed(seen.reference)):
        intent = await rows.BY_ID(ctx.db, id, event.market)
    if intent is None:
        return False
    await applying.apply(ctx, intent.id, seen)
    return True


async def _take_subscription(ctx: Ctx, event: Event) -> bool:
    one = await subscriptions.BY_REF(ctx.db, event.provider, event.ref, event.market)
    if one is None:
        port = driver(ctx, event.provider).subscriptions
        seen = await port.fetch_subscription(event.ref) if port else None
        id = ids.parsed(seen.reference) if seen else None
        one = await subscriptions.BY_ID(ctx.db, id, event.market) if id else None
        if one is None or one.ref not in (None, event.ref):
            return False
    await subscriptions.sync(ctx, one)
    return True
