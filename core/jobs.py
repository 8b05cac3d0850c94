"""Typed enqueueing of jobs over arq; jobs cross Redis as msgpack, not as pickles."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from arq.connections import ArqRedis, RedisSettings, create_pool
from redis.asyncio.connection import parse_url

from config.settings import Settings


class Job(msgspec.Struct, frozen=True):
    """A job's arguments; its class name is the name of the function in workers/ that runs it."""


class SendMail(Job, frozen=True):
    """Send one mail over SMTP."""

    to: str
    subject: str
    text: str


class NotifyMembers(Job, frozen=True):
    """Tell the members of these conversations, who have not read on, that there are new messages."""

    conversation_ids: list[str]


class Jobs:
    """The queue. A job may run more than once: make it harmless."""

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis

    async def enqueue(self, job: Job) -> None:
        """Queue a job; raises redis.RedisError when Redis is away."""
        await self._redis.enqueue_job(type(job).__name__, msgspec.to_builtins(job))


def arq_settings(settings: Settings) -> RedisSettings:
    """Return where the queue is. redis-py reads the URL: arq's own reader takes what is percent-encoded as it stands."""
    address = parse_url(settings.jobs_redis_url or settings.redis_urls[0])
    return RedisSettings(
        host=address.get("host", "localhost"),
        port=address.get("port", 6379),
        unix_socket_path=address.get("path"),
        database=address.get("db", 0),
        username=address.get("username"),
        password=address.get("password"),
    )


@asynccontextmanager
async def open_jobs(settings: Settings) -> AsyncIterator[Jobs]:
    """Connect to the queue."""
    redis = await create_pool(
        arq_settings(settings), job_serializer=msgspec.msgpack.encode, job_deserializer=msgspec.msgpack.decode
    )
    try:
        yield Jobs(redis)
    finally:
        await redis.aclose()
