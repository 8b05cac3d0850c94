"""The heart of a process: writes its pulse to Redis every two seconds. What waits for Postgres never makes a pulse late."""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.metadata import version
from typing import TypedDict

import msgspec
from prometheus_client import Histogram
from redis.asyncio import Redis

from core.base.clock import now
from core.limits.away import REDIS_AWAY
from realtime.concurrency.periodic import Periodic
from realtime.operations.probes import Check, problems
from realtime.operations.process_status import FORGOTTEN, PULSE_SECONDS, Beat


class Who(TypedDict):
    """What is the same in all pulses of a process."""

    id: str
    name: str
    pid: int
    version: str
    started_at: datetime


def who(id: str, port: int) -> Who:
    """Return who this process is: one of an id, on a port, from now on."""
    name = f"{socket.gethostname()}:{port}"
    return Who(id=id, name=name, pid=os.getpid(), version=version("greenroom"), started_at=now())


class Pace:
    """How fast a counter grows, a second, between one look and the next."""

    def __init__(self, read: Callable[[], float]) -> None:
        self._read = read
        self._count = 0.0
        self._moment = time.monotonic()

    def take(self) -> float:
        """Look."""
        count, moment = self._read(), time.monotonic()
        pace = (count - self._count) / max(moment - self._moment, 0.001)
        self._count, self._moment = count, moment
        return pace


class Mean:
    """The mean of what a histogram was told between one look and the next."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._sum = 0.0
        self._count = 0.0

    def take(self) -> float:
        """Look."""
        (family,) = self._histogram.collect()
        totals = {sample.name: sample.value for sample in family.samples if not sample.labels}
        total, count = totals[f"{family.name}_sum"], totals[f"{family.name}_count"]
        mean = (total - self._sum) / max(count - self._count, 1.0)
        self._sum, self._count = total, count
        return mean


class Pulse:
    """Writes what `take` says of this process, given which of the `checks` of `/readyz` failed the last time."""

    def __init__(
        self, key: str, id: str, redis: Redis, checks: Mapping[str, Check], take: Callable[[dict[str, str]], Beat]
    ) -> None:
        self._key = key
        self._id = id
        self._redis = redis
        self._checks = checks
        self._take = take
        self._missing: dict[str, str] = {}
        self._checking = Periodic(self._check, PULSE_SECONDS)
        self._beating = Periodic(self._beat, PULSE_SECONDS)

    async def start(self) -> None:
        """Begin."""
        await self._beat()
        self._checking.start()
        self._beating.start()

    async def stop(self) -> None:
        """End, and leave the list of those that live."""
        await self._checking.stop()
        await self._beating.stop()
        with contextlib.suppress(*REDIS_AWAY):
            await self._redis.hdel(self._key, self._id)  # type: ignore[misc] # redis-py types the sync client too

    async def _check(self) -> None:
        self._missing = await problems(self._checks)

    async def _beat(self) -> None:
        beat = msgspec.json.encode(self._take(self._missing)).decode()
        with contextlib.suppress(*REDIS_AWAY):
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hset(self._key, self._id, beat)
                pipe.expire(self._key, FORGOTTEN)
                await pipe.execute()
