"""The outbox: effects of a transaction are committed with it and performed right after it, or later if the process died.

An effect may be performed twice, so each is harmless to repeat.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID

import msgspec
from redis.asyncio import Redis

from core.base import clock
from core.base.errors import AppError
from core.base.events import Event
from core.base.ids import uuid7
from core.base.publisher import Publisher
from core.platform import cache_tags
from core.platform.db import Connection, Many, Pool, Run, transaction
from core.platform.observability import logs
from core.work.context import Ctx, Resources
from core.work.jobs import Job, Jobs

log = logging.getLogger(__name__)

PAGE = 100
OVERDUE = timedelta(seconds=5)  # a living process performs its own within milliseconds


class Emit(msgspec.Struct, frozen=True, tag="emit"):
    """An event for all sockets of some users, all of one marketplace: "" if the version before has stored it."""

    user_ids: list[UUID]
    name: str
    payload: msgspec.Raw
    market: str = ""


class Enqueue(msgspec.Struct, frozen=True, tag="enqueue"):
    """A job for the workers."""

    name: str
    arguments: msgspec.Raw
    request_id: str = ""


class EndSessions(msgspec.Struct, frozen=True, tag="end_sessions"):
    """Close the sockets of sessions that have ended."""

    ids: list[UUID]


class Drop(msgspec.Struct, frozen=True, tag="drop"):
    """Drop the cached answers with these tags."""

    market: str
    tags: list[str]


Effect: TypeAlias = Emit | Enqueue | EndSessions | Drop


class Kept(msgspec.Struct, frozen=True):
    id: UUID
    effects: str


INSERT = Run("insert into outbox (id, effects, created_at) values ($1, $2, $3)")
DELETE = Run("delete from outbox where id = any ($1::uuid[])")
OVERDUE_EFFECTS = Many(
    Kept,
    f"""
    select id, placed(effects, 'outbox.effects ' || id) as effects from outbox
    where created_at < $1 order by created_at limit {PAGE} for update skip locked""",  # noqa: S608
)


def event_effect(market: str, user_ids: Sequence[UUID], event: Event) -> Emit:
    """Return the effect that tells users of a marketplace of an event."""
    return Emit(list(user_ids), event.name, msgspec.Raw(msgspec.json.encode(event)), market)


def job_effect(job: Job) -> Enqueue:
    """Return the effect that queues a job."""
    return Enqueue(type(job).__name__, msgspec.Raw(msgspec.json.encode(job)), logs.request_id())


async def store(db: Connection, effects: Sequence[Effect], ctx: Ctx | None = None) -> UUID:
    """Store effects in the transaction that causes them, sealed if its marketplace seals."""
    id, text = uuid7(), msgspec.json.encode(effects).decode()
    await INSERT(db, id, ctx.sealed("outbox.effects", id, text) if ctx else text, clock.now())
    return id


async def perform(effects: Sequence[Effect], publisher: Publisher, jobs: Jobs, redis: Redis) -> None:
    """Perform effects whose transaction is committed; raises redis.RedisError when one of Redis cannot be."""
    for effect in effects:
        match effect:
            case Emit():
                publisher.of(effect.market).emit_encoded(effect.user_ids, effect.name, bytes(effect.payload))
            case Enqueue():
                await jobs.enqueue_encoded(effect.name, bytes(effect.arguments), effect.request_id)
            case EndSessions():
                publisher.end_sessions(effect.ids)
            case Drop():
                await cache_tags.drop(redis, effect.market, effect.tags)


async def forget(db: Pool, id: UUID) -> None:
    """Delete effects that have been performed."""
    await DELETE(db, [id])


async def relay(resources: Resources, publisher: Publisher) -> int:
    """Perform overdue effects (their process has crashed); return the number of transactions that they belong to.

    Effects that this version does not know are left to workers of the version that stored them, and do not block others.
    """
    done: list[UUID] = []
    async with transaction(resources.db) as db:
        for kept in await OVERDUE_EFFECTS(db, clock.now() - OVERDUE):
            try:
                effects = msgspec.json.decode(resources.sealing.open(kept.effects), type=list[Effect])
            except (msgspec.ValidationError, AppError) as error:
                log.warning("the effects of %s are left to another version or key: %s", kept.id, error)
                continue
            await perform(effects, publisher, resources.jobs, resources.redis)
            done.append(kept.id)
        await DELETE(db, done)
    return len(done)
