"""Reads that may be slightly stale: from a replica of the database while it keeps up, from the primary otherwise.

For old pages and for searches. Anything that a caller may just have written is read from the primary.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from config.settings import Settings
from core.platform.db import UNAVAILABLE_ERRORS, Db, Pool, Scalar, open_pool
from core.platform.observability.metrics import Metrics

LATE_SECONDS = 2.0
WRITTEN = Scalar(str, "select pg_current_wal_lsn()::text")
HAS_REPLAYED = Scalar(bool, "select coalesce(pg_last_wal_replay_lsn() >= $1::text::pg_lsn, false)")

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class LateReads:
    """Runs reads that may be `LATE_SECONDS` stale; without a replica, on the primary."""

    def __init__(self, primary: Pool, replica: Pool | None = None) -> None:
        self._primary = primary
        self._replica = replica
        self.keeps_up = False

    async def __call__(self, read: Callable[[Db], Awaitable[Answer]]) -> Answer:
        """Run a read on the replica, or on the primary if the replica is away, late, or cancels the query."""
        if self._replica and self.keeps_up:
            try:
                return await read(self._replica)
            except UNAVAILABLE_ERRORS as error:  # or the replica has cancelled a query that blocked its replay
                log.warning("the database replica is not used for now: %s", error)
                self.keeps_up = False
        return await read(self._primary)

    async def watch(self) -> None:
        """Check regularly whether the replica has everything older than two seconds."""
        while True:
            self.keeps_up = await self._has_kept_up()

    async def _has_kept_up(self) -> bool:
        assert self._replica  # noqa: S101 - nobody watches without one
        try:
            written = await WRITTEN(self._primary)
            await asyncio.sleep(LATE_SECONDS)
            return bool(await HAS_REPLAYED(self._replica, written))
        except UNAVAILABLE_ERRORS:
            await asyncio.sleep(LATE_SECONDS)
            return False


@asynccontextmanager
async def open_late_reads(settings: Settings, primary: Pool, metrics: Metrics) -> AsyncIterator[LateReads]:
    """Open the configured replica, if any; it may be away."""
    if not settings.database_replica_url:
        yield LateReads(primary)
        return
    async with await open_pool(settings, settings.database_replica_url, min_size=0) as replica:
        late = LateReads(primary, replica)
        metrics.watch("greenroom_replica_used", "Whether the database's replica is read from", lambda: late.keeps_up)
        watching = asyncio.create_task(late.watch(), name="replica")
        try:
            yield late
        finally:
            watching.cancel()
            await asyncio.wait([watching])
