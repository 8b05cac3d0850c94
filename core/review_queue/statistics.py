"""How the queue does: what is open and how old, who has decided how much, how long it took."""

from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from core.platform.db import Db, Many

SINCE: Final = timedelta(days=30)
MOST_DAYS: Final = 1000  # rows: reviewers and days


class OpenTasks(msgspec.Struct, frozen=True, rename="camel"):
    """The undecided tasks of a kind, by age; `parked` were put aside, `late` are those whose time is over."""

    market: str
    kind: str
    open: int
    parked: int
    within_hour: int
    within_day: int
    within_week: int
    older: int
    late: int
    oldest_at: datetime


class DecidedTasks(msgspec.Struct, frozen=True, rename="camel"):
    """The decisions of the last 30 days about a kind: the median of their times in seconds, and how many came too late."""

    market: str
    kind: str
    decided: int
    median_seconds: float
    late: int


class ReviewerDay(msgspec.Struct, frozen=True, rename="camel"):
    """How many tasks somebody has decided on a day, in UTC."""

    day: date
    reviewer: str
    decided: int


class ReviewStatistics(msgspec.Struct, frozen=True):
    undecided: list[OpenTasks]
    decided: list[DecidedTasks]
    days: list[ReviewerDay]


# Of these queues ($1), or of all.
UNDECIDED = Many(
    OpenTasks,
    """
    select market, kind, count(*) filter (where state = 'open') as open, count(*) filter (where state <> 'open') as parked,
        count(*) filter (where created_at > now() - interval '1 hour') as within_hour,
        count(*) filter (where created_at <= now() - interval '1 hour' and created_at > now() - interval '1 day') as within_day,
        count(*) filter (where created_at <= now() - interval '1 day' and created_at > now() - interval '7 days') as within_week,
        count(*) filter (where created_at <= now() - interval '7 days') as older,
        count(*) filter (where due_at < now()) as late, min(created_at) as oldest_at
    from review_tasks where decided_at is null and ($1::text[] is null or queue = any ($1))
    group by market, kind order by market, kind""",
)
# Decided since $2.
DECIDED = Many(
    DecidedTasks,
    """
    select market, kind, count(*) as decided,
        percentile_cont(0.5) within group (order by extract(epoch from decided_at - created_at)::float8) as median_seconds,
        count(*) filter (where decided_at > due_at) as late
    from review_tasks where decided_at >= $2 and queue = any ($1::text[])
    group by market, kind order by market, kind""",
)
DAYS = Many(
    ReviewerDay,
    """
    select (decided_at at time zone 'UTC')::date as day, reviewer_name(decided_by) as reviewer, count(*) as decided
    from review_tasks where decided_at >= $2 and queue = any ($1::text[])
    group by day, decided_by order by day desc, decided desc, reviewer limit $3""",
)


async def of_queues(db: Db, queues: list[str], since: datetime) -> ReviewStatistics:
    """Return the statistics of these queues; of decisions those since a moment."""
    return ReviewStatistics(
        await UNDECIDED(db, queues), await DECIDED(db, queues, since), await DAYS(db, queues, since, MOST_DAYS)
    )
