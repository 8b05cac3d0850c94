"""Jobs that failed in all their tries: kept until an operator retries or drops them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from core.base import clock
from core.base.ids import uuid7
from core.platform.db import Db, Many, Pool, Run, Scalar, transaction
from core.work import outbox
from core.work.outbox import Enqueue
from core.work.personal_data import PersonalData, rows_of

MAX_ERROR = 1000


class DeadJob(msgspec.Struct, frozen=True, rename="camel"):
    """A job that is dead. `arguments` are JSON; there are none if they held a secret, and then it cannot be retried."""

    id: UUID
    name: str
    arguments: str | None
    error: str
    tries: int
    request_id: str
    failed_at: datetime


_COLUMNS = "id, name, arguments, error, tries, request_id, failed_at"
INSERT = Run(f"insert into dead_jobs ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7)")  # noqa: S608
ALL = Many(DeadJob, f"select {_COLUMNS} from dead_jobs where retried_at is null order by failed_at, id")  # noqa: S608
OLDEST = Many(  # of ALL
    DeadJob,
    f"select {_COLUMNS} from dead_jobs where retried_at is null order by failed_at, id limit $1",  # noqa: S608
)
COUNT = Scalar(int, "select count(*) from dead_jobs where retried_at is null")
TAKE = Many(
    DeadJob,
    f"""
    update dead_jobs set retried_at = $2 where id = any ($1::uuid[]) and retried_at is null and arguments is not null
    returning {_COLUMNS}""",  # noqa: S608
)
DROP = Many(DeadJob, f"delete from dead_jobs where id = any ($1::uuid[]) and retried_at is null returning {_COLUMNS}")  # noqa: S608
FORGET = Run(
    "delete from dead_jobs where id in (select id from dead_jobs where failed_at < $1 order by failed_at limit $2)"
)
# A job does not name the user whose call caused it, but a request id chosen by a client might. Only our own (UUIDs) are kept.
FORGET_CHOSEN_IDS = Run(
    """
    update dead_jobs set request_id = ''
    where request_id <> '' and request_id !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'"""
)
PERSONAL_DATA = PersonalData(
    "dead jobs",
    frozenset({"dead_jobs"}),
    rows_of(
        """
        select id, name, arguments, failed_at from dead_jobs
        where name = 'MailAlert' and position($1::uuid::text in arguments) > 0 order by failed_at"""
    ),
    # Its arguments hold the place of a login. Other jobs of a user hold ids at most.
    (Run("delete from dead_jobs where name = 'MailAlert' and position($1::uuid::text in arguments) > 0"),),
)


async def mark_dead(db: Pool, name: str, arguments: str | None, error: str, tries: int, request_id: str) -> None:
    """Keep a job that has failed for good."""
    # Postgres cannot store U+0000, which an error's message may contain.
    reason = error.replace("\0", "")[:MAX_ERROR]
    await INSERT(db, uuid7(), name, arguments, reason, tries, request_id, clock.now())


async def retry(db: Db, ids: Sequence[UUID]) -> list[DeadJob]:
    """Queue these jobs again, within seconds; return those that were dead."""
    async with transaction(db) as connection:
        jobs = await TAKE(connection, list(ids), clock.now())
        effects = [Enqueue(job.name, msgspec.Raw((job.arguments or "").encode()), job.request_id) for job in jobs]
        if effects:
            await outbox.store(connection, effects)
    return jobs
