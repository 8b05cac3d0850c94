"""Opens what a process needs, in order, and closes it in reverse."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from redis.asyncio import Redis

from config.settings import Settings
from core.files.waiting import decoders
from core.limits.offenders import Offenders
from core.limits.shared_limits import SharedLimits, raised
from core.platform.db import open_pool
from core.platform.observability.metrics import Metrics
from core.platform.observability.telemetry import open_telemetry
from core.platform.outgoing import open_outgoing
from core.platform.passwords import open_passwords
from core.platform.redis_pool import redis_pool
from core.platform.replica import open_late_reads
from core.platform.sealing.keys import key_service, open_sealing
from core.platform.sequences import open_ids
from core.platform.storage import Storage
from core.platform.tokens import KeyRing
from core.search.totals import Totals
from core.work.context import Resources
from core.work.jobs import open_jobs

REDIS_SECONDS = 1.0


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Open database, Redis and job queue; the same for api, hub, workers and tests. Raises SettingsError."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(open_telemetry(settings))
        db = await stack.enter_async_context(await open_pool(settings))
        # A Redis that does not reply must not block calls that can do without it.
        redis = await stack.enter_async_context(
            Redis.from_pool(
                redis_pool(settings.redis_urls[0], socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)
            )
        )
        sealing = await open_sealing(settings, key_service(settings))
        jobs = await stack.enter_async_context(open_jobs(settings, sealing))
        storage = Storage(settings)
        stack.push_async_callback(storage.close)
        metrics = Metrics()
        metrics.count(
            "greenroom_sealed_unreadable", "Sealed values that could not be opened", lambda: sealing.unreadable
        )
        late = await stack.enter_async_context(open_late_reads(settings, db, metrics))
        limits = SharedLimits(redis, raised(settings.raised_limits))
        stack.push_async_callback(limits.stop)
        ids = await stack.enter_async_context(open_ids(db))
        keys, offenders = KeyRing(settings), Offenders(metrics)
        passwords = await stack.enter_async_context(open_passwords(metrics))
        outgoing = await stack.enter_async_context(open_outgoing())
        yield Resources(
            settings,
            db,
            late,
            redis,
            jobs,
            keys,
            storage,
            metrics,
            limits,
            offenders,
            passwords,
            decoders(metrics),
            Totals(),
            ids,
            outgoing,
            sealing,
        )
