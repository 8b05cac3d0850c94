"""The heartbeats of api and worker processes, for the operators' console."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from config.settings import Settings
from core.base.clock import now
from core.work.context import Resources
from realtime.operations.heartbeat import Heartbeat, PerSecond, identity
from realtime.operations.probes import usual_checks
from realtime.operations.process_status import PROCESSES_KEY, ProcessStatus
from workers.app import Worker


@asynccontextmanager
async def api_heartbeat(settings: Settings, resources: Resources, runner: web.AppRunner) -> AsyncIterator[None]:
    """Send heartbeats of this api while the block runs; `runner` has been set up."""
    assert runner.server  # noqa: S101 - for the type checker: it exists from setup on
    server, this = runner.server, identity(os.urandom(8).hex(), settings.port)
    requests = PerSecond(lambda: server.requests_count)

    def take(missing: dict[str, str]) -> ProcessStatus:
        return ProcessStatus(**this, beat_at=now(), missing=missing, kind="api", requests_per_second=requests.take())

    async with _beating(Heartbeat(PROCESSES_KEY, this["id"], resources.redis, usual_checks(resources), take)):
        yield


@asynccontextmanager
async def worker_heartbeat(settings: Settings, resources: Resources, worker: Worker) -> AsyncIterator[None]:
    """Send heartbeats of this worker while the block runs."""
    this, waiting = identity(os.urandom(8).hex(), settings.port), 0

    async def count_waiting() -> None:
        nonlocal waiting
        waiting = await resources.jobs.waiting()

    def take(missing: dict[str, str]) -> ProcessStatus:
        return ProcessStatus(
            **this,
            beat_at=now(),
            missing=missing,
            kind="worker",
            jobs_running=worker.running,
            jobs_waiting=waiting,
            jobs_dead=worker.dead,
        )

    checks = {**usual_checks(resources), "queue": count_waiting}
    async with _beating(Heartbeat(PROCESSES_KEY, this["id"], resources.redis, checks, take)):
        yield


@asynccontextmanager
async def _beating(heartbeat: Heartbeat) -> AsyncIterator[None]:
    await heartbeat.start()
    try:
        yield
    finally:
        await heartbeat.stop()
