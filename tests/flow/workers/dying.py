"""A worker that a job kills: `python -m tests.flow.workers.dying SETTINGS`."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from config.settings import Settings
from core.market.resources import open_resources
from core.work.jobs import Job
from realtime.publishing.publisher import open_publisher
from workers import app, running

WAVED = "waved"


class Wave(Job, frozen=True):
    hand: str


class Fatal(Job, frozen=True):
    """It kills its worker."""


async def main(settings: Settings) -> None:
    """Work until one is killed."""
    async with open_resources(settings) as resources, open_publisher(settings, resources) as publisher:
        usual: Callable[..., running.Functions] = app.Worker._functions

        async def wave(job: Wave) -> None:
            await resources.redis.rpush(WAVED, job.hand)  # type: ignore[misc]  # redis-py's own types are of both worlds

        async def die(_job: Fatal) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        def functions(worker: app.Worker, of_time: Any) -> running.Functions:
            known = usual(worker, of_time)
            known.add(Wave, wave)
            known.add(Fatal, die)
            return known

        app.Worker._functions = functions  # type: ignore[assignment, method-assign]
        async with app.open_worker(settings, resources, publisher) as worker:
            await worker.wait()


if __name__ == "__main__":
    asyncio.run(main(Settings(**msgspec.json.decode(sys.argv[1]))))
