"""Quotas are exact, however many calls come at once, and begin anew."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from core.base import clock
from core.base.errors import AppError
from core.base.ids import uuid7
from core.limits import quotas
from core.limits.quotas import Quota, balance, by_plan, give_back, take
from core.platform.db import Db, transaction
from tests.flow.conftest import Environment

DAILY = Quota("superlikes", 10, "day", "Asia/Riyadh")
WEEKLY = Quota("boosts", 2, timedelta(days=7))
MARKET = "onswift"


async def used(env: Environment, quota: Quota, subject: UUID, times: int = 1) -> None:
    for _ in range(times):
        async with transaction(env.resources.db) as db:
            await take(db, MARKET, quota, subject)


@pytest.mark.parametrize("quota", [DAILY, WEEKLY], ids=lambda one: one.name)
async def test_fifty_at_once_get_exactly_the_limit(env: Environment, quota: Quota) -> None:
    subject = uuid7()

    async def one() -> str:
        try:
            await used(env, quota, subject)
        except AppError as error:
            return error.kind.code
        return "taken"

    got = await asyncio.gather(*(one() for _ in range(50)))
    assert (got.count("taken"), got.count("QUOTA_EXCEEDED")) == (quota.limit, 50 - int(str(quota.limit)))
    left = await balance(env.resources.db, MARKET, quota, subject)
    assert (left.used, left.left) == (quota.limit, 0)


async def test_what_fails_gives_back_what_it_took(env: Environment) -> None:
    subject = uuid7()

    async def fail() -> None:
        async with transaction(env.resources.db) as db:
            assert (await take(db, MARKET, WEEKLY, subject)).left == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert (await balance(env.resources.db, MARKET, WEEKLY, subject)).used == 0


async def test_a_unit_is_given_back_once_it_was_committed_and_never_more_than_was_taken(env: Environment) -> None:
    subject, db = uuid7(), env.resources.db
    async with transaction(db) as connection:
        taken = await take(connection, MARKET, WEEKLY, subject)
    for _ in range(3):
        await give_back(db, MARKET, taken, subject)
    assert (await balance(db, MARKET, WEEKLY, subject)).used == 0
    await used(env, WEEKLY, subject, 2)
    with pytest.raises(AppError):
        await used(env, WEEKLY, subject)


async def test_subjects_quotas_and_markets_do_not_share(env: Environment) -> None:
    subject = uuid7()
    await used(env, WEEKLY, subject, 2)
    await used(env, WEEKLY, uuid7())
    await used(env, DAILY, subject)
    async with transaction(env.resources.db) as db:
        await take(db, "bazaar", WEEKLY, subject)


async def test_a_refusal_says_what_is_left_and_when_more_is_there(env: Environment) -> None:
    subject = uuid7()
    await used(env, WEEKLY, subject)
    async with transaction(env.resources.db) as db:
        with pytest.raises(AppError, match="Of 2 boosts, 1 are left until") as refused:
            await take(db, MARKET, WEEKLY, subject, units=2)
    assert refused.value.kind.status == 429
    assert 6 * 86400 < refused.value.retry_after <= 7 * 86400


async def test_more_than_the_limit_at_once_is_refused_also_first(env: Environment) -> None:
    async with transaction(env.resources.db) as db:
        with pytest.raises(AppError):
            await take(db, MARKET, WEEKLY, uuid7(), units=3)


async def test_a_period_that_is_over_counts_for_nothing(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    subject, now = uuid7(), clock.now()
    await used(env, WEEKLY, subject, 2)
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=6))
    with pytest.raises(AppError):
        await used(env, WEEKLY, subject)
    late = now + timedelta(days=8)
    monkeypatch.setattr(clock, "now", lambda: late)
    assert (await balance(env.resources.db, MARKET, WEEKLY, subject)).resets_at is None
    await used(env, WEEKLY, subject)
    left = await balance(env.resources.db, MARKET, WEEKLY, subject)
    assert (left.used, left.resets_at) == (1, late + timedelta(days=7))


async def test_what_was_taken_in_an_earlier_period_is_not_given_back_to_this_one(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject, now, db = uuid7(), clock.now(), env.resources.db
    async with transaction(db) as connection:
        taken = await take(connection, MARKET, WEEKLY, subject)
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=8))
    await used(env, WEEKLY, subject)
    await give_back(db, MARKET, taken, subject)
    assert (await balance(db, MARKET, WEEKLY, subject)).used == 1


async def test_the_limit_is_that_of_the_plan_also_while_a_period_runs(env: Environment) -> None:
    plans = {"free": 1, "gold": 3}
    plan = "free"

    async def plan_of(_db: Db, _subject: UUID) -> str:
        return plan

    quota, subject = Quota("listings", by_plan(plans, plan_of), "month"), uuid7()
    await used(env, quota, subject)
    with pytest.raises(AppError):
        await used(env, quota, subject)
    plan = "gold"
    await used(env, quota, subject, 2)
    plan = "free"
    left = await balance(env.resources.db, MARKET, quota, subject)
    assert (left.limit, left.used, left.left) == (1, 3, 0)
    plan = "unheard of"
    with pytest.raises(AppError):
        await used(env, quota, uuid7())


async def test_rows_of_periods_long_over_are_deleted(env: Environment) -> None:
    old, new, db = uuid7(), uuid7(), env.resources.db
    await used(env, WEEKLY, old)
    await used(env, WEEKLY, new)
    await db.execute("update quota_uses set ends_at = now() - interval '2 days' where subject_id = $1", old)
    assert await quotas.FORGET(db, clock.now() - quotas.KEPT, 10) == 1
    assert await db.fetchval("select subject_id from quota_uses") == new


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "zone", "moment", "begins", "ends"),
    [
        ("day", "UTC", "2026-11-28T13:00", "2026-11-28T00:00", "2026-11-29T00:00"),
        ("day", "Asia/Riyadh", "2026-11-28T22:00", "2026-11-28T21:00", "2026-11-29T21:00"),
        ("day", "Europe/Berlin", "2026-03-29T10:00", "2026-03-28T23:00", "2026-03-29T22:00"),  # of 23 hours
        ("day", "Europe/Berlin", "2026-10-25T10:00", "2026-10-24T22:00", "2026-10-25T23:00"),  # of 25
        ("month", "Asia/Riyadh", "2026-12-31T20:59", "2026-11-30T21:00", "2026-12-31T21:00"),
        ("month", "Asia/Riyadh", "2026-12-31T21:00", "2026-12-31T21:00", "2027-01-31T21:00"),
        ("month", "UTC", "2028-02-29T12:00", "2028-02-01T00:00", "2028-03-01T00:00"),
    ],
)
def test_days_and_months_are_those_of_the_zone(period: str, zone: str, moment: str, begins: str, ends: str) -> None:
    quota = Quota("x", 1, period, zone)  # type: ignore[arg-type]
    assert quota.bounds(at(moment)) == (at(begins), at(ends))
