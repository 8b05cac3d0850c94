"""Heartbeats of apis and workers, for the operators' console."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from config.settings import Settings
from core.base.clock import now
from core.work.context import Resources
from realtime.heart import Pace, Pulse, who
from realtime.ops import usual_checks
from realtime.pulse import PROCESSES, Process
from workers.app import Worker


@asynccontextmanager
async def api_pulse(settings: Settings, resources: Resources, runner: web.AppRunner) -> AsyncIterator[None]:
    """Publish the state of this api for the duration of the block; `runner` has been set up."""
    assert runner.server  # noqa: S101 - for the type checker: it exists from setup on
    server, this = runner.server, who(os.urandom(8).hex(), settings.port)
    pace = Pace(lambda: server.requests_count)

    def take(missing: dict[str, str]) -> Process:
        return Process(**this, beat_at=now(), missing=missing, kind="api", requests_per_second=pace.take())

    async with _beating(Pulse(PROCESSES, this["id"], resources.redis, usual_checks(resources), take)):
        yield


@asynccontextmanager
async def worker_pulse(settings: Settings, resources: Resources, worker: Worker) -> AsyncIterator[None]:
    """Publish the state of this worker for the duration of the block."""
    this, waiting = who(os.urandom(8).hex(), settings.port), 0

    async def count_waiting() -> None:
        nonlocal waiting
        waiting = await resources.jobs.waiting()

    def take(missing: dict[str, str]) -> Process:
        return Process(
            **this,
            beat_at=now(),
            missing=missing,
            kind="worker",
            jobs_running=worker.running,
            jobs_waiting=waiting,
            jobs_dead=worker.dead,
        )

    checks = {**usual_checks(resources), "queue": count_waiting}
    async with _beating(Pulse(PROCESSES, this["id"], resources.redis, checks, take)):
        yield


@asynccontextmanager
async def _beating(pulse: Pulse) -> AsyncIterator[None]:
    await pulse.start()
    try:
        yield
    finally:
        await pulse.stop()
