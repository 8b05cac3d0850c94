"""The heartbeat of a process: writes its status to Redis every two seconds.

Its checks run separately, so a slow Postgres cannot delay heartbeats.
"""

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
from core.limits.outage import REDIS_ERRORS
from realtime.concurrency.periodic import Periodic
from realtime.operations.probes import Check, problems
from realtime.operations.process_status import FORGOTTEN, HEARTBEAT_SECONDS, Status


class Identity(TypedDict):
    """What is the same in all heartbeats of a process."""

    id: str
    name: str
    pid: int
    version: str
    started_at: datetime


def identity(id: str, port: int) -> Identity:
    """Return the identity of this process, which starts now: its id, and the port as part of its name."""
    name = f"{socket.gethostname()}:{port}"
    return Identity(id=id, name=name, pid=os.getpid(), version=version("greenroom"), started_at=now())


class PerSecond:
    """The growth of a counter per second, between two readings."""

    def __init__(self, read: Callable[[], float]) -> None:
        self._read = read
        self._count = 0.0
        self._moment = time.monotonic()

    def take(self) -> float:
        """Return the growth since the last reading."""
        count, moment = self._read(), time.monotonic()
        growth = (count - self._count) / max(moment - self._moment, 0.001)
        self._count, self._moment = count, moment
        return growth


class Mean:
    """The mean of a histogram's observations between two readings."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._sum = 0.0
        self._count = 0.0

    def take(self) -> float:
        """Return the mean since the last reading."""
        (family,) = self._histogram.collect()
        totals = {sample.name: sample.value for sample in family.samples if not sample.labels}
        total, count = totals[f"{family.name}_sum"], totals[f"{family.name}_count"]
        mean = (total - self._sum) / max(count - self._count, 1.0)
        self._sum, self._count = total, count
        return mean


class Heartbeat:
    """Writes the status returned by `take`, which gets the names of the `checks` of `/readyz` that failed last time."""

    def __init__(
        self, key: str, id: str, redis: Redis, checks: Mapping[str, Check], take: Callable[[dict[str, str]], Status]
    ) -> None:
        self._key = key
        self._id = id
        self._redis = redis
        self._checks = checks
        self._take = take
        self._missing: dict[str, str] = {}
        self._checking = Periodic(self._check, HEARTBEAT_SECONDS)
        self._beating = Periodic(self._beat, HEARTBEAT_SECONDS)

    async def start(self) -> None:
        """Write the first status, then one every two seconds."""
        await self._beat()
        self._checking.start()
        self._beating.start()

    async def stop(self) -> None:
        """Stop, and remove the status."""
        await self._checking.stop()
        await self._beating.stop()
        with contextlib.suppress(*REDIS_ERRORS):
            await self._redis.hdel(self._key, self._id)  # type: ignore[misc] # redis-py types the sync client too

    async def _check(self) -> None:
        self._missing = await problems(self._checks)

    async def _beat(self) -> None:
        status = msgspec.json.encode(self._take(self._missing)).decode()
        with contextlib.suppress(*REDIS_ERRORS):
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hset(self._key, self._id, status)
                pipe.expire(self._key, FORGOTTEN)
                await pipe.execute()
