"""Erasing a user. Credentials and everything that identifies the user are erased in the transaction of the call.

Statements on many rows, or on rows that others lock, follow in a job, in small batches. All statements are idempotent: the worker
runs them after the commit and repeats them for an hour, because a concurrent call of the user may have stored something.
"""

import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from uuid import UUID

import msgspec

from core import files
from core.accounts import sessions
from core.base import clock, errors
from core.chat import groups
from core.platform import cache_tags
from core.platform.db import Connection, Many, Run, Scalar, transaction
from core.platform.sealing.sealing import MARK
from core.work import dead_jobs
from core.work.context import Ctx, Resources
from core.work.jobs import FinishErasure
from core.work.kept_answers import without_name
from core.work.policy import Policy
from core.work.unit_of_work import unit_of_work

BATCH = 500
GROUPS = 50
FILES = 20
# For how long one job starts new batches. The next job continues, so that other jobs run in between.
SECONDS = 10.0
AGAIN = timedelta(hours=1)


class Erased(msgspec.Struct, frozen=True):
    id: UUID


class KeptAnswer(msgspec.Struct, frozen=True):
    user_id: UUID
    key: str
    body: str


LOCK_OUT = Scalar(UUID, "select id from users where id = $1 for update")
ERASED_IN = Scalar(str, "select market from users where id = $1 and deleted_at is not null")
ERASED_SINCE = Many(Erased, "select id from users where deleted_at >= $1")
CONVERSATIONS_OF = Many(Erased, "select conversation_id as id from members where user_id = $1")
# Stored answers to other users' calls of the last day, page by page: those that name user $1, and those of the previous
# version, which did not store whom they name.
ANSWERS_THAT_NAME = Many(
    KeptAnswer,
    """
    select user_id, key, placed(convert_from(body, 'UTF8'), 'idempotency_keys.body ' || user_id || ' ' || key) as body
    from idempotency_keys
    where (named @> array[$1::uuid] or named is null) and (user_id, key) > ($2, $3) order by user_id, key limit $4""",
)
REWRITE_ANSWER = Run("update idempotency_keys set body = $3 where user_id = $1 and key = $2")


async def erase(ctx: Ctx) -> None:
    """Delete the caller: own data is deleted, shared data loses the name, and all sessions end."""
    user_id = ctx.user.id
    async with unit_of_work(ctx) as work:
        await sessions.end_all(work, user_id, "account deleted")
        await work.record("user.delete", user_id)
        await files.detach(work, user_id)
        await _run(work.db, user_id, (statement for one in ctx.policy.personal_data for statement in one.erase))
        # Waits for all transactions that are storing data of the user, and blocks new ones. Taken after all other locks.
        await LOCK_OUT(work.db, user_id)
        await erase_at_once(work.db, ctx.policy, user_id)
        work.enqueue(FinishErasure(str(user_id)))
        work.drop(cache_tags.PEOPLE)


async def erase_at_once(db: Connection, policy: Policy, user_id: UUID) -> None:
    """Run all statements of `erase` and `last`; harmless to repeat."""
    await _run(db, user_id, (statement for one in policy.personal_data for statement in (*one.erase, *one.last)))


async def _run(db: Connection, user_id: UUID, statements: Iterable[Run]) -> None:
    for statement in statements:
        await statement(db, user_id)


async def finish(ctx: Ctx, user_id: UUID) -> bool:
    """Erase the remaining data of a deleted account; return whether it is complete. Raises UNAVAILABLE: try again."""
    async with transaction(ctx.resources.db) as db:
        await erase_at_once(db, ctx.policy, user_id)
    is_all = await _in_batches(ctx, user_id)
    await _rewrite_answers(ctx, user_id)
    await dead_jobs.FORGET_CHOSEN_IDS(ctx.db)
    ctx.publisher.forget([one.id for one in await CONVERSATIONS_OF(ctx.db, user_id)])
    return is_all


async def again(resources: Resources) -> None:
    """Queue the erasure again for all accounts deleted within the last hour; raises redis.RedisError."""
    for one in await ERASED_SINCE(resources.db, clock.now() - AGAIN):
        await resources.jobs.enqueue(FinishErasure(str(one.id)))


async def _in_batches(ctx: Ctx, user_id: UUID) -> bool:
    steps: list[tuple[Callable[[], Awaitable[int]], int]] = [
        (partial(groups.leave_some, ctx, user_id, GROUPS), GROUPS),
        (partial(files.erase_some, ctx, user_id, FILES), FILES),
        *((partial(later, ctx.db, user_id, BATCH), BATCH) for one in ctx.policy.personal_data for later in one.later),
    ]
    end = time.monotonic() + SECONDS
    for step, most in steps:
        while await step() == most:
            if time.monotonic() >= end:
                return False
    return True


async def _rewrite_answers(ctx: Ctx, user_id: UUID) -> None:
    place, sealing = (UUID(int=0), ""), ctx.resources.sealing
    while answers := await ANSWERS_THAT_NAME(ctx.db, user_id, *place, BATCH):
        for one in answers:
            with suppress(errors.AppError):  # what nobody can open names nobody
                body = sealing.open(one.body)
                other = without_name(body.encode(), user_id).decode()
                if other != body:
                    stored = sealing.resealed(one.body, other) if one.body.startswith(MARK) else other
                    await REWRITE_ANSWER(ctx.db, one.user_id, one.key, stored.encode())
        place = (answers[-1].user_id, answers[-1].key)
