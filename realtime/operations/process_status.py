"""The status of a process, kept in Redis for the operators' console; heartbeat.py writes it.

In Redis: the hash `vitals` of hubs and the hash `processes` of all others, by id. A process that stops in order removes its
status; one that is killed shows as late, then as silent for a minute.
"""

from datetime import datetime, timedelta
from typing import Literal, TypeVar

import msgspec
from redis.asyncio import Redis

from core.base.clock import now

HUBS_KEY = "vitals"
PROCESSES_KEY = "processes"
HEARTBEAT_SECONDS = 2.0
LATE = timedelta(seconds=5)  # two heartbeats are missing
SILENT = timedelta(seconds=8)
FORGOTTEN = timedelta(seconds=60)


class Status(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The status of any process; `missing`: what keeps it from being ready, as `/readyz` names it."""

    id: str
    name: str
    pid: int
    version: str
    started_at: datetime
    beat_at: datetime
    missing: dict[str, str] = {}

    @property
    def is_late(self) -> bool:
        """Whether its figures are old; the process may be alive."""
        return now() - self.beat_at > LATE

    @property
    def is_silent(self) -> bool:
        """Whether its last heartbeat is so old that the process counts as dead."""
        return now() - self.beat_at > SILENT


class HubStatus(Status, frozen=True, rename="camel", kw_only=True):
    """The status of a hub. Rates and lags are since the heartbeat before: the worst lag of the loop, the mean of the bus.

    `deafTo`: the Redis servers that it cannot hear now.
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


class ProcessStatus(Status, frozen=True, rename="camel", kw_only=True):
    """The status of an api or a worker; figures of the other kind are null.

    `jobsWaiting` and `jobsDead` are those of all workers.
    """

    kind: Literal["api", "worker"]
    requests_per_second: float | None = None
    jobs_running: int | None = None
    jobs_waiting: int | None = None
    jobs_dead: int | None = None


B = TypeVar("B", bound=Status)


async def read_hubs(redis: Redis) -> list[HubStatus]:
    """Return the status of each hub, by name, and forget those that have been silent for a minute."""
    return await _read(redis, HUBS_KEY, HubStatus)


async def read_processes(redis: Redis) -> list[ProcessStatus]:
    """Return the status of each api and worker, by name, and forget those that have been silent for a minute."""
    return await _read(redis, PROCESSES_KEY, ProcessStatus)


async def _read(redis: Redis, key: str, kind: type[B]) -> list[B]:
    kept = await redis.hgetall(key)  # type: ignore[misc] # redis-py types the sync client too
    all_known = [msgspec.json.decode(status, type=kind) for status in kept.values()]
    forgotten = [one.id for one in all_known if now() - one.beat_at > FORGOTTEN]
    if forgotten:
        await redis.hdel(key, *forgotten)  # type: ignore[misc]
    return sorted((one for one in all_known if one.id not in forgotten), key=lambda one: (one.name, one.started_at))
