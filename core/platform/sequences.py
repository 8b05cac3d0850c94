"""Where new ids come from: UUIDv7, or the sequence `ids` in the schema of a marketplace whose ids are bigints.

A process takes its numbers a block at a time and fetches the next block before they run out, so making an id waits for nothing.
What is left of a block when a process ends is never used. Ids of several processes are not in the order in which they were made.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import msgspec

from core.base import errors
from core.base.ids import BigintIds, uuid7
from core.platform.db import UNAVAILABLE_ERRORS, Db, Many, Pool

BLOCK: Final = 2000  # some seconds of what a hub stores; a process that ends wastes no more
LOW: Final = BLOCK // 2  # then the next block is fetched

log = logging.getLogger(__name__)


class Market(msgspec.Struct, frozen=True):
    name: str


class Number(msgspec.Struct, frozen=True):
    number: int | None  # none: the marketplace has no sequence


MARKETS = Many(
    Market,
    """
    select n.nspname::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'S' and c.relname = 'ids'""",
)
NEXT = Many(Number, "select nextval(to_regclass(quote_ident($1) || '.ids')) as number from generate_series(1, $2::int)")


class _Block:
    """The numbers that a process has of one marketplace."""

    def __init__(self, db: Pool, market: str) -> None:
        self._db = db
        self._market = market
        self._ids = deque[UUID]()
        self._filling: asyncio.Task[None] | None = None

    def take(self) -> UUID:
        """Return the next id; raises UNAVAILABLE when none is left."""
        if len(self._ids) <= LOW and self._filling is None:
            self._filling = asyncio.get_running_loop().create_task(self._refill(), name=f"ids of {self._market}")
        if not self._ids:
            raise errors.UNAVAILABLE.error()
        return self._ids.popleft()

    async def fill(self) -> None:
        """Fetch a block."""
        self._ids.extend(await take_ids(self._db, self._market, BLOCK))

    async def _refill(self) -> None:
        try:
            await self.fill()
        except UNAVAILABLE_ERRORS as error:  # the next id that is asked for tries again
            log.warning("no ids of %s could be fetched: %r", self._market, error)
        finally:
            self._filling = None

    async def close(self) -> None:
        """Fetch no more."""
        if self._filling:
            self._filling.cancel()
            await asyncio.wait([self._filling])


class NewIds:
    """Makes the ids of what is stored; `blocks` are those of the marketplaces whose ids are bigints."""

    def __init__(self, blocks: dict[str, _Block]) -> None:
        self._blocks = blocks

    def of(self, market: str) -> UUID:
        """Return a new id of a marketplace; raises UNAVAILABLE when its numbers have run out and the database is away."""
        block = self._blocks.get(market)
        return uuid7() if block is None else block.take()


async def take_ids(db: Db, market: str, count: int) -> list[UUID]:
    """Return so many new ids of a marketplace."""
    ids = BigintIds(market)
    rows = await NEXT(db, market, count)
    return [uuid7() if row.number is None else ids.uuid(row.number) for row in rows]


@asynccontextmanager
async def open_ids(db: Pool) -> AsyncIterator[NewIds]:
    """Take the first numbers of each marketplace that has a sequence of its own."""
    blocks = {market.name: _Block(db, market.name) for market in await MARKETS(db)}
    for block in blocks.values():
        await block.fill()
    try:
        yield NewIds(blocks)
    finally:
        for block in blocks.values():
            await block.close()
