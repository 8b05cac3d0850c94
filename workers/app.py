"""The worker: arq in this process's loop, with the jobs of core/jobs.py and the sweep that makes up for lost ones.

A job may run more than once (a worker dies, Redis loses what it was told last), so each is harmless to repeat.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from arq import ArqRedis, Retry, create_pool, cron, func
from arq.typing import WorkerCoroutine
from arq.worker import Worker as ArqWorker
from redis.exceptions import RedisError

from config.settings import Settings
from core import clock
from core.context import Resources
from core.jobs import Job, NotifyMembers, SendMail, arq_settings
from core.metrics import Metrics
from core.notifications import notify_members, written_since
from core.publisher import Publisher
from workers.mail import RETRY_SECONDS, send_mail

STOP_SECONDS = 3.0
# Also how long a job of a worker that was killed stays put.
JOB_SECONDS = 30
RECONNECT_SECONDS = 1.0
# The sweep runs each minute; a message may be committed some seconds after its id was made.
SWEEP_OVERLAP = timedelta(seconds=30)
FIRST_SWEEP = timedelta(hours=1)

J = TypeVar("J", bound=Job)
ArqContext = dict[Any, Any]

log = logging.getLogger(__name__)


class Worker:
    """Runs jobs until it is stopped; `wait` returns never, or raises what ended it."""

    def __init__(self, settings: Settings, resources: Resources, publisher: Publisher) -> None:
        self._settings = settings
        self._resources = resources
        self._publisher = publisher
        self._swept = clock.now() - FIRST_SWEEP
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to take jobs."""
        # arq logs the arguments of jobs at INFO: addresses, and the codes of password resets.
        logging.getLogger("arq.worker").setLevel(logging.WARNING)
        self._running = asyncio.create_task(self._run(), name="worker")

    async def wait(self) -> None:
        """Wait for the worker to die; raises what killed it."""
        assert self._running, "start() comes first"  # noqa: S101
        await asyncio.shield(self._running)

    async def stop(self) -> None:
        """Take no more jobs and let those that run finish; one that takes too long is ended and runs again later."""
        if self._running:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        # A Redis that is away ends arq's worker but not ours: Redis comes back, and so do the jobs.
        while True:
            with contextlib.suppress(RedisError, OSError):
                await self._run_until_redis_fails()
            log.warning("the queue does not answer: trying again")
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _run_until_redis_fails(self) -> None:
        redis = await create_pool(
            arq_settings(self._settings), job_serializer=msgspec.msgpack.encode, job_deserializer=msgspec.msgpack.decode
        )
        arq = self._make_arq(redis)
        try:
            await arq.main()
        finally:
            await _finish(arq)
            await redis.aclose()

    def _make_arq(self, redis: ArqRedis) -> ArqWorker:
        metrics = self._resources.metrics
        return ArqWorker(
            functions=[
                func(_decoding(SendMail, self._send_mail, metrics), name=SendMail.__name__),
                func(_decoding(NotifyMembers, self._notify_members, metrics), name=NotifyMembers.__name__),
            ],
            cron_jobs=[cron(self._sweep, name="sweep", second=0, run_at_startup=True, timeout=JOB_SECONDS)],
            redis_pool=redis,
            handle_signals=False,
            keep_result=0,
            poll_delay=0.1,
            max_jobs=10,
            job_timeout=JOB_SECONDS,
            max_tries=len(RETRY_SECONDS) + 1,
            job_serializer=msgspec.msgpack.encode,
            job_deserializer=msgspec.msgpack.decode,
        )

    async def _send_mail(self, ctx: ArqContext, job: SendMail) -> None:
        await send_mail(self._settings, job, ctx["job_try"])

    async def _notify_members(self, _ctx: ArqContext, job: NotifyMembers) -> None:
        await notify_members(self._resources.db, self._publisher, [UUID(id) for id in job.conversation_ids])

    async def _sweep(self, ctx: ArqContext, *_: object, **__: object) -> None:  # noqa: ARG002 - arq names it
        """Notify of what was written since the last sweep: so a lost job is only a delay."""
        started = clock.now()
        conversation_ids = await written_since(self._resources.db, self._swept - SWEEP_OVERLAP)
        await notify_members(self._resources.db, self._publisher, conversation_ids)
        self._swept = started


def _decoding(
    kind: type[J], run: Callable[[ArqContext, J], Coroutine[Any, Any, None]], metrics: Metrics
) -> WorkerCoroutine:
    async def decode_and_run(ctx: ArqContext, *arguments: object, **_: object) -> None:
        outcome = "failed"
        try:
            await run(ctx, msgspec.convert(arguments[0], kind))
            outcome = "done"
        except Retry:
            outcome = "retried"
            raise
        finally:
            metrics.jobs.labels(kind.__name__, outcome).inc()

    return decode_and_run


async def _finish(arq: ArqWorker) -> None:
    """Let running jobs finish. arq's own close() would ask a Redis that may be gone."""
    if arq.tasks:
        _, late = await asyncio.wait(arq.tasks.values(), timeout=STOP_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*arq.tasks.values(), return_exceptions=True)


@asynccontextmanager
async def open_worker(settings: Settings, resources: Resources, publisher: Publisher) -> AsyncIterator[Worker]:
    """Run a worker in this loop for as long as the block runs."""
    worker = Worker(settings, resources, publisher)
    worker.start()
    try:
        yield worker
    finally:
        await worker.stop()
