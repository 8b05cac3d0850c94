"""The pulse of a process: how it does, kept in Redis for the operators' console; realtime/operations/heartbeat.py writes it.

In Redis: the hash `vitals` of hubs and the hash `processes` of all others, by id. A process that goes down in order takes
itself out; one that is killed shows as late, then as silent for a minute.
"""

from datetime import datetime, timedelta
from typing import Literal, TypeVar

import msgspec
from redis.asyncio import Redis

from core.base.clock import now

KEY = "vitals"
PROCESSES = "processes"
PULSE_SECONDS = 2.0
LATE = timedelta(seconds=5)  # two pulses did not come
SILENT = timedelta(seconds=8)
FORGOTTEN = timedelta(seconds=60)


class Beat(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What every process says of itself; `missing`: what keeps it from being ready, as `/readyz` names it."""

    id: str
    name: str
    pid: int
    version: str
    started_at: datetime
    beat_at: datetime
    missing: dict[str, str] = {}

    @property
    def is_late(self) -> bool:
        """Whether its figures are old, although it may live."""
        return now() - self.beat_at > LATE

    @property
    def is_silent(self) -> bool:
        """Whether it has not been heard of for so long that it counts as dead."""
        return now() - self.beat_at > SILENT


class Vitals(Beat, frozen=True, rename="camel", kw_only=True):
    """How a hub does. Rates and lags are of the time since the pulse before: the worst of the loop, the mean of the bus.

    `deafTo`: the Redis servers that it does not hear now.
    """

    draining: bool
    deaf: bool
    deaf_to: list[str] = []
    deaf_seconds: float
    connections: int
    users: int
    rooms: int
    slow_sessions: int
    messages_per_second: float
    deliveries_per_second: float
    loop_lag_seconds: float
    bus_lag_seconds: float = 0.0
    journal_waiting: int
    bus_gaps: int


class Process(Beat, frozen=True, rename="camel", kw_only=True):
    """How an api or a worker does; what the other kind has is null. `jobsWaiting` and `jobsDead` are those of all workers."""

    kind: Literal["api", "worker"]
    requests_per_second: float | None = None
    jobs_running: int | None = None
    jobs_waiting: int | None = None
    jobs_dead: int | None = None


B = TypeVar("B", bound=Beat)


async def read_vitals(redis: Redis) -> list[Vitals]:
    """Return how each hub does, by name, and forget those that have been silent for a minute."""
    return await _read(redis, KEY, Vitals)


async def read_processes(redis: Redis) -> list[Process]:
    """Return how each api and worker does, likewise."""
    return await _read(redis, PROCESSES, Process)


async def _read(redis: Redis, key: str, kind: type[B]) -> list[B]:
    kept = await redis.hgetall(key)  # type: ignore[misc] # redis-py types the sync client too
    all_known = [msgspec.json.decode(beat, type=kind) for beat in kept.values()]
    forgotten = [one.id for one in all_known if now() - one.beat_at > FORGOTTEN]
    if forgotten:
        await redis.hdel(key, *forgotten)  # type: ignore[misc]
    return sorted((one for one in all_known if one.id not in forgotten), key=lambda one: (one.name, one.started_at))
