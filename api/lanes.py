"""How many calls of one client are under way: beyond that its next ones wait, so that it does not hold the whole database pool.

A call waits a second at most: a lane may be held by one that is slow to send its body, and others share the address.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

SHARE: Final = 3  # of the connections to the database: one client's calls get one of so many
WAIT_SECONDS: Final = 1.0


class Lane:
    """The calls of one client; `calls` also counts those that wait."""

    __slots__ = ("calls", "free")

    def __init__(self, most: int) -> None:
        self.calls = 0
        self.free = asyncio.Semaphore(most)


class Lanes:
    """At most `most` calls at a time of each client."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lanes: dict[str, Lane] = {}

    def is_full(self, client: str) -> bool:
        """Whether the next call of a client has to wait."""
        lane = self._lanes.get(client)
        return lane is not None and lane.free.locked()

    @asynccontextmanager
    async def under_way(self, client: str) -> AsyncIterator[None]:
        """Count a call of a client for as long as the block runs, which begins late if it has too many."""
        lane = self._lanes.setdefault(client, Lane(self._most))
        lane.calls += 1
        try:
            is_in = await _entered(lane.free)
            try:
                yield
            finally:
                if is_in:
                    lane.free.release()
        finally:
            lane.calls -= 1
            if not lane.calls:
                del self._lanes[client]


async def _entered(free: asyncio.Semaphore) -> bool:
    if not free.locked():
        return await free.acquire()
    with suppress(TimeoutError):
        async with asyncio.timeout(WAIT_SECONDS):
            return await free.acquire()
    return False
