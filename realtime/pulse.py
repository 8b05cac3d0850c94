"""The pulse of a hub: how it does, written to Redis every two seconds, for the operators' console.

In Redis: the hash `vitals`, by hub id. A hub that goes down in order takes itself out; one that is killed shows as silent for
a minute.
"""

import contextlib
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from redis.asyncio import Redis

from core.away import REDIS_AWAY
from core.clock import now
from realtime.periodic import Periodic

KEY = "vitals"
PULSE_SECONDS = 2.0
SILENT = timedelta(seconds=8)
FORGOTTEN = timedelta(seconds=60)


class Vitals(msgspec.Struct, frozen=True, rename="camel"):
    """How a hub does. Rates and `loop_lag_seconds` (the worst) are of the time since the pulse before."""

    id: str
    name: str
    pid: int
    version: str
    started_at: datetime
    beat_at: datetime
    draining: bool
    deaf: bool
    deaf_seconds: float
    connections: int
    users: int
    rooms: int
    slow_sessions: int
    messages_per_second: float
    deliveries_per_second: float
    loop_lag_seconds: float
    journal_waiting: int
    bus_gaps: int

    @property
    def is_silent(self) -> bool:
        """Whether it has not been heard of for so long that it counts as dead."""
        return now() - self.beat_at > SILENT


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


class Pulse:
    """Writes what `take` says of this hub."""

    def __init__(self, hub_id: str, redis: Redis, take: Callable[[], Vitals]) -> None:
        self._hub = hub_id
        self._redis = redis
        self._take = take
        self._beating = Periodic(self._beat, PULSE_SECONDS)

    async def start(self) -> None:
        """Begin."""
        await self._beat()
        self._beating.start()

    async def stop(self) -> None:
        """End, and leave the list of hubs."""
        await self._beating.stop()
        with contextlib.suppress(*REDIS_AWAY):
            await self._redis.hdel(KEY, self._hub)  # type: ignore[misc] # redis-py types the sync client too

    async def _beat(self) -> None:
        vitals = msgspec.json.encode(self._take()).decode()
        with contextlib.suppress(*REDIS_AWAY):
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hset(KEY, self._hub, vitals)
                pipe.expire(KEY, FORGOTTEN)
                await pipe.execute()


async def read_vitals(redis: Redis) -> list[Vitals]:
    """Return how each hub does, by name, and forget those that have been silent for a minute."""
    kept = await redis.hgetall(KEY)  # type: ignore[misc]
    all_known = [msgspec.json.decode(vitals, type=Vitals) for vitals in kept.values()]
    forgotten = [one.id for one in all_known if now() - one.beat_at > FORGOTTEN]
    if forgotten:
        await redis.hdel(KEY, *forgotten)  # type: ignore[misc]
    return sorted((one for one in all_known if one.id not in forgotten), key=lambda one: (one.name, one.started_at))
