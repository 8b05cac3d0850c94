"""Subscriptions, and what they entitle to: one look-up that needs no provider, and no job to end.

The state of a subscription may come and go, so its row counts versions: what a provider said counts only if nothing newer was
stored while it was asked. Each period's payment is an intent like all others, and posted like them.
"""

from contextlib import suppress
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

from core.base import clock, errors
from core.payments.checkout import applying, booking, rows
from core.payments.checkout.intents import driver, unavailable
from core.payments.checkout.rules import BEGINS, PaymentRules, Plan, rules_of
from core.payments.port import RefusedError, Seen, SeenSubscription, Subscribing, SubscriptionOrder
from core.payments.states import DAY, HOUR, MINUTE, SubscriptionState
from core.platform.db import Many, One, Run, Scalar, found
from core.platform.outgoing import OutgoingError
from core.work import rate_limits as limits
from core.work.context import Ctx
from core.work.personal_data import PersonalData, rows_of
from core.work.unit_of_work import UnitOfWork, unit_of_work

PURPOSE: Final = "subscription"
TRIES: Final = 3
BY_HAND: Final = UUID(int=0)  # the source of what somebody was granted without a subscription


class Subscription(msgspec.Struct, frozen=True):
    """A subscription; see schema.sql."""

    id: UUID
    market: str
    user_id: UUID
    plan: str
    amount: int
    currency: str
    provider: str
    ref: str | None
    pay_url: str
    state: SubscriptionState
    period_end: datetime | None
    canceling: Literal["", "at_end", "now"]
    version: int
    tries: int
    created_at: datetime
    updated_at: datetime
    check_at: datetime | None
    checks: int


class Entitlement(msgspec.Struct, frozen=True, rename="camel"):
    """What a user may do or use, until when; without `expiresAt` for good."""

    name: str
    expires_at: datetime | None


_ALL = ", ".join(Subscription.__struct_fields__)
INSERT = Run(
    """
    insert into payment_subscriptions
        (id, market, user_id, plan, amount, currency, provider, created_at, updated_at, check_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9) on conflict do nothing"""
)
LIVE = One(
    Subscription,
    f"""
    select {_ALL} from payment_subscriptions where market = $1 and user_id = $2 and plan = $3 and state <> 'ended'""",  # noqa: S608
)
BY_ID = One(Subscription, f"select {_ALL} from payment_subscriptions where id = $1 and market = $2")  # noqa: S608
BY_REF = One(Subscription, f"select {_ALL} from payment_subscriptions where provider = $1 and ref = $2 and market = $3")  # noqa: S608
OF_USER = Many(
    Subscription,
    f"select {_ALL} from payment_subscriptions where user_id = $1 and market = $2 order by id desc limit 100",  # noqa: S608
)
TRY = Scalar(int, "update payment_subscriptions set tries = tries + 1 where id = $1 returning tries")
STORE = Run(
    """
    update payment_subscriptions set ref = $3, pay_url = $4, state = $5, period_end = $6, check_at = $7, updated_at = $8,
        version = version + 1, checks = case when state = $5 then checks else 0 end
    where id = $1 and version = $2"""
)
CANCELING = Run("update payment_subscriptions set canceling = $2, check_at = $3, checks = 0 where id = $1")
CLAIM = Many(
    Subscription,
    f"""
    update payment_subscriptions set check_at = $3, checks = checks + 1 where id in (
        select id from payment_subscriptions where check_at <= $1 and market = $4
        order by check_at limit $2 for no key update skip locked
    )
    returning {_ALL}""",  # noqa: S608
)
ENTITLED = Scalar(
    bool,
    """
    select exists (
        select from entitlements
        where user_id = $1 and market = $2 and name = $3 and (expires_at is null or expires_at > $4)
    )""",
)
ENTITLEMENTS = Many(
    Entitlement,
    """
    select name, nullif(max(coalesce(expires_at, 'infinity')), 'infinity') as expires_at from entitlements
    where user_id = $1 and market = $2 and (expires_at is null or expires_at > $3)
    group by name order by name""",
)
# A period's end moves forward only, unless the subscription has ended ($6).
GRANT = Run(
    """
    insert into entitlements (user_id, market, name, source, expires_at)
    select $1, $2, name, $4, $5 from unnest($3::text[]) name
    on conflict (user_id, market, name, source) do update
        set expires_at = case when $6 then excluded.expires_at else greatest(entitlements.expires_at, excluded.expires_at) end"""
)
END = Run("update entitlements set expires_at = $2 where source = $1 and expires_at > $2")
FORGET = Run(
    """
    delete from entitlements where (user_id, market, name, source) in (
        select user_id, market, name, source from entitlements where expires_at < $1 order by expires_at limit $2
    )"""
)
PERSONAL_DATA = PersonalData(
    "subscriptions",
    frozenset({"payment_subscriptions", "entitlements"}),
    rows_of(
        """
        select s.plan, s.amount, s.currency, s.state, s.period_end, s.created_at,
            (select coalesce(json_agg(json_build_object('name', e.name, 'until', e.expires_at)), '[]')
                from entitlements e where e.user_id = s.user_id and e.source = s.id) as entitlements
        from payment_subscriptions s where s.user_id = $1
        union all
        select name, 0, '', 'granted', expires_at, null, '[]' from entitlements
        where user_id = $1 and source = '00000000-0000-0000-0000-000000000000'"""
    ),
    (
        # The workers tell the provider, which would go on to charge her.
        Run(
            """
            update payment_subscriptions set canceling = 'now', check_at = now(), pay_url = ''
            where user_id = $1 and state <> 'ended'"""
        ),
        Run("delete from entitlements where user_id = $1"),
    ),
    kept="What was paid for when, beside the payments, by an id that has no name any more.",
)


async def entitled(ctx: Ctx, user_id: UUID, name: str) -> bool:
    """Return whether a user may do or use this now."""
    return bool(await ENTITLED(ctx.db, user_id, ctx.policy.name, name, clock.now()))


async def grant(work: UnitOfWork, user_id: UUID, name: str, until: datetime | None) -> None:
    """Entitle a user until a time (None: for good) without a subscription; a time that is over takes it back."""
    await GRANT(work.db, user_id, work.ctx.policy.name, [name], BY_HAND, until, True)
    await work.record("entitlement.grant", user_id, name=name, until=until and until.isoformat())


async def begin(ctx: Ctx, plan_name: str) -> Subscription:
    """Begin the caller's subscription, or return the one that she has; its `pay_url` is where she pays.

    Must not run in a unit of work. Raises NOT_FOUND, PROVIDER_UNAVAILABLE, PAYMENT_REFUSED, RATE_LIMITED.
    """
    plan = found_plan(rules_of(ctx), plan_name)
    _port(ctx)
    booking.check(ctx, plan.currency, "fees")
    await limits.take(ctx, BEGINS, str(ctx.user.id))
    key, now = (ctx.policy.name, ctx.user.id, plan.name), clock.now()
    await INSERT(ctx.db, ctx.new_id(), *key, plan.amount, plan.currency, driver(ctx).name, now, now + MINUTE)
    one = found(await LIVE(ctx.db, *key), errors.UNAVAILABLE.error())
    try:
        return one if one.ref else await sync(ctx, one, creates=True)
    except OutgoingError as error:
        raise unavailable() from error
    except RefusedError as error:
        raise errors.PAYMENT_REFUSED.error() from error


async def cancel(ctx: Ctx, id: UUID) -> Subscription:
    """Let one of the caller's subscriptions end with its period; raises SUBSCRIPTION_NOT_FOUND.

    If the provider cannot be reached, the reconciliation tells it.
    """
    one = await BY_ID(ctx.db, id, ctx.policy.name)
    if one is None or one.user_id != ctx.user.id:
        raise errors.SUBSCRIPTION_NOT_FOUND.error()
    if one.state in ("canceled", "ended"):
        return one
    await CANCELING(ctx.db, id, "at_end", clock.now())
    one = msgspec.structs.replace(one, canceling="at_end")
    try:
        return await sync(ctx, one)
    except (OutgoingError, RefusedError):
        return one


async def sync(ctx: Ctx, one: Subscription, *, creates: bool = False) -> Subscription:
    """Bring the provider and a subscription in line; raises OutgoingError, RefusedError, UNAVAILABLE."""
    for _ in range(TRIES):
        one = found(await BY_ID(ctx.resources.db, one.id, one.market), errors.SUBSCRIPTION_NOT_FOUND.error())
        seen = await _ask(ctx, one, creates=creates)
        if seen is None:
            return await _abandon(ctx, one)
        if await apply(ctx, one, seen):
            return found(await BY_ID(ctx.db, one.id, one.market), errors.SUBSCRIPTION_NOT_FOUND.error())
    raise errors.UNAVAILABLE.error()


async def apply(ctx: Ctx, one: Subscription, seen: SeenSubscription) -> bool:
    """Store what the provider has said of a subscription; return False if something newer was stored meanwhile."""
    now, plan = clock.now(), rules_of(ctx).plan(one.plan)
    state = one.state if one.state == "ended" else seen.state
    async with unit_of_work(ctx) as work:
        fields = (seen.ref, seen.pay_url, state, seen.period_end, _check_at(one, state, seen.period_end))
        if not await STORE(work.db, one.id, one.version, *fields, now):
            return False
        if state == "ended":
            await END(work.db, one.id, now)
        elif plan and seen.period_end and state in ("active", "canceled"):
            await _grant(work, one, plan, seen.period_end)
        for payment in seen.payments:
            await _pay(work, one, payment)
        if state != one.state:
            await work.record(f"subscription.{state}", one.id, plan=one.plan)
    return True


def found_plan(rules: PaymentRules, name: str) -> Plan:
    """Return a plan; raises NOT_FOUND."""
    plan = rules.plan(name)
    if plan is None:
        raise errors.NOT_FOUND.error()
    return plan


async def _grant(work: UnitOfWork, one: Subscription, plan: Plan, period_end: datetime) -> None:
    names, until = sorted(plan.entitlements), period_end + plan.grace
    await GRANT(work.db, one.user_id, one.market, names, one.id, until, False)


async def _pay(work: UnitOfWork, one: Subscription, seen: Seen) -> None:
    """Store the payment of a period as an intent, which the provider has made."""
    intent = await rows.BY_REF(work.db, one.provider, seen.ref, one.market)
    if intent is None:
        now = clock.now()
        who = (one.market, one.user_id, None, PURPOSE, one.id)
        what = (one.plan, "", one.amount, 0, one.currency, False, one.provider, seen.ref)
        await rows.INSERT(work.db, work.new_id(), *who, *what, now, now, None)
        intent = await rows.BY_REF(work.db, one.provider, seen.ref, one.market)
    if intent and intent.state != seen.state:
        await applying.apply(work.ctx, intent.id, seen)


async def _ask(ctx: Ctx, one: Subscription, *, creates: bool) -> SeenSubscription | None:
    """Return what the provider says of a subscription, after telling it what its user wants; None: it has never heard of it."""
    port = _port(ctx, one.provider)
    if one.ref:
        if one.canceling and (one.canceling == "now" or one.state != "canceled"):
            with suppress(RefusedError):  # it is canceled already
                await port.unsubscribe(one.ref, at_end=one.canceling == "at_end")
        return await port.fetch_subscription(one.ref)
    seen = await port.find_subscription(_order(ctx, one, one.tries)) if one.tries else None
    if seen is None and creates and not one.canceling:
        return await port.subscribe(_order(ctx, one, await TRY(ctx.resources.db, one.id) or 1))
    return seen


async def _abandon(ctx: Ctx, one: Subscription) -> Subscription:
    """End a subscription that its provider has never heard of, after a day."""
    is_over = one.canceling or one.created_at < clock.now() - DAY
    check_at = None if is_over else clock.now() + HOUR
    await STORE(ctx.db, one.id, one.version, None, "", "ended" if is_over else one.state, None, check_at, clock.now())
    return found(await BY_ID(ctx.db, one.id, one.market), errors.SUBSCRIPTION_NOT_FOUND.error())


def _check_at(one: Subscription, state: SubscriptionState, period_end: datetime | None) -> datetime | None:
    """Return when to ask next: soon while something is under way, and after each period, whose webhook may be lost."""
    now = clock.now()
    if state == "ended":
        return None
    if state in ("active", "canceled") and period_end and not (one.canceling and state == "active"):
        return max(period_end + HOUR, now + HOUR)
    return now + min(MINUTE * (1 << min(one.checks, 20)), DAY)


def _port(ctx: Ctx, name: str = "") -> Subscribing:
    port = driver(ctx, name).subscriptions
    if port is None:
        raise errors.NOT_FOUND.error()
    return port


def _order(ctx: Ctx, one: Subscription, attempt: int) -> SubscriptionOrder:
    rules, base = rules_of(ctx), ctx.resources.settings.public_url
    plan = found_plan(rules, one.plan)
    what = (plan.name, one.amount, one.currency, plan.days)
    return SubscriptionOrder(one.id, attempt, *what, return_url=base + rules.page, hook_url=base + rules.hook)
