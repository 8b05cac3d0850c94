"""Quotas: so much per subject and period, exactly, as something that is sold or promised; for floods there are rates.

One statement checks and counts, so that no number of calls at once gets more. Take within the transaction of what is counted:
then a failure gives back what was taken. The subject's row stays locked until its end.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from core.base import clock, errors
from core.platform.db import Connection, Db, One, Run

LimitOf: TypeAlias = Callable[[Db, UUID], Awaitable[int]]
KEPT: Final = timedelta(days=1)  # after a period has ended


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `limit` in each `period`: a number, or what says it of a subject (see `by_plan`).

    `period`: the calendar's in the time zone `zone`, or a time that begins with the first use after the one before.
    """

    name: str
    limit: int | LimitOf
    period: Literal["day", "month"] | timedelta
    zone: str = "UTC"

    def bounds(self, now: datetime) -> tuple[datetime, datetime]:
        """Return when the period of this moment begins and ends, if it begins with this moment or by the calendar."""
        if isinstance(self.period, timedelta):
            return now, now + self.period
        start = now.astimezone(ZoneInfo(self.zone)).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        end = start + timedelta(days=1)  # on the wall, whatever the clocks do in between
        if self.period == "month":
            start = start.replace(day=1)
            end = (start + timedelta(days=31)).replace(day=1)
        return start.astimezone(UTC), end.astimezone(UTC)

    async def limit_of(self, db: Db, subject_id: UUID) -> int:
        """Return the limit of a subject."""
        return self.limit if isinstance(self.limit, int) else await self.limit(db, subject_id)


class Balance(msgspec.Struct, frozen=True, rename="camel"):
    """What is used and left of a quota. `resetsAt`: the end of the period; null: it begins with the first use."""

    name: str
    limit: int
    used: int
    left: int
    resets_at: datetime | None


class Use(msgspec.Struct, frozen=True):
    used: int
    ends_at: datetime


TAKE = One(
    Use,
    """
    insert into quota_uses as q (market, name, subject_id, used, started_at, ends_at)
    select $1, $2, $3, $4::int, $5, $6 where $4::int <= $7::int
    on conflict (subject_id, name, market) do update set
        used = case when q.ends_at > $8 then q.used else 0 end + excluded.used,
        started_at = case when q.ends_at > $8 then q.started_at else excluded.started_at end,
        ends_at = case when q.ends_at > $8 then q.ends_at else excluded.ends_at end
        where case when q.ends_at > $8 then q.used else 0 end + excluded.used <= $7::int
    returning used, ends_at""",
)
USED = One(
    Use,
    "select used, ends_at from quota_uses where market = $1 and name = $2 and subject_id = $3 and ends_at > $4",
)
GIVE_BACK = Run(
    """
    update quota_uses set used = used - $5
    where market = $1 and name = $2 and subject_id = $3 and ends_at = $4 and used >= $5"""
)
# Those of periods that ended before a time ($1), at most $2.
FORGET = Run(
    """
    delete from quota_uses where (subject_id, name, market) in (
        select subject_id, name, market from quota_uses where ends_at < $1 order by ends_at limit $2 for update skip locked
    )"""
)


def by_plan(limits: Mapping[str, int], plan_of: Callable[[Db, UUID], Awaitable[str]]) -> LimitOf:
    """Return what says the limit by the plan of a subject; one that is not among `limits` has none of it."""

    async def limit_of(db: Db, subject_id: UUID) -> int:
        return limits.get(await plan_of(db, subject_id), 0)

    return limit_of


async def take(db: Connection, market: str, quota: Quota, subject_id: UUID, units: int = 1) -> Balance:
    """Use so many units within a transaction, at least one; raises QUOTA_EXCEEDED, which says when more are there."""
    now, limit = clock.now(), await quota.limit_of(db, subject_id)
    use = await TAKE(db, market, quota.name, subject_id, units, *quota.bounds(now), limit, now)
    if use is None:
        raise _exceeded(await balance(db, market, quota, subject_id), now)
    return _balance(quota, limit, use)


async def balance(db: Db, market: str, quota: Quota, subject_id: UUID) -> Balance:
    """Return what a subject has left."""
    now, limit = clock.now(), await quota.limit_of(db, subject_id)
    use = await USED(db, market, quota.name, subject_id, now)
    if use is None and not isinstance(quota.period, timedelta):
        use = Use(0, quota.bounds(now)[1])
    return _balance(quota, limit, use)


async def give_back(db: Db, market: str, taken: Balance, subject_id: UUID, units: int = 1) -> None:
    """Undo `take` where its transaction was committed, but the work failed; after the end of the period it is nothing."""
    await GIVE_BACK(db, market, taken.name, subject_id, taken.resets_at, units)


def _balance(quota: Quota, limit: int, use: Use | None) -> Balance:
    used = use.used if use else 0
    return Balance(quota.name, limit, used, max(0, limit - used), use.ends_at if use else None)


def _exceeded(left: Balance, now: datetime) -> errors.AppError:
    until = f" until {left.resets_at:%Y-%m-%dT%H:%M:%SZ}" if left.resets_at else ""
    error = errors.QUOTA_EXCEEDED.error(f"Of {left.limit} {left.name}, {left.left} are left{until}")
    if left.resets_at:
        error.retry_after = (left.resets_at - now).total_seconds()
    return error
