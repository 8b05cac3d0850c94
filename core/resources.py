"""Opens what a process needs, in order, and closes it in reverse."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from redis.asyncio import Redis

from config.settings import Settings
from core.context import Resources
from core.db import open_pool
from core.jobs import open_jobs
from core.metrics import Metrics
from core.tokens import KeyRing

REDIS_SECONDS = 1.0


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Open database, Redis and job queue; the same for api, hub, workers and tests."""
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(await open_pool(settings))
        # A Redis that is connected but deaf must not hold up what can do without it.
        redis = await stack.enter_async_context(
            Redis.from_url(settings.redis_urls[0], socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)
        )
        jobs = await stack.enter_async_context(open_jobs(settings))
        yield Resources(settings, db, redis, jobs, KeyRing(settings), Metrics())
