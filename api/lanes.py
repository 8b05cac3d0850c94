"""Limits the concurrent calls of one client, so that it cannot hold the whole database pool. Further calls wait.

A call waits at most for its deadline. Calls that are receiving a body give up their place meanwhile, and block no others.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

SHARE: Final = 3  # one client may use 1/SHARE of the connections to the database


class Lane:
    """The calls of one client; `calls` includes those that wait or have given up their place."""

    __slots__ = ("calls", "free")

    def __init__(self, most: int) -> None:
        self.calls = 0
        self.free = asyncio.Semaphore(most)


class Place:
    """The place of one call in its lane."""

    __slots__ = ("_free", "_is_held")

    def __init__(self, free: asyncio.Semaphore) -> None:
        self._free = free
        self._is_held = False

    async def take(self) -> None:
        """Wait for the place."""
        await self._free.acquire()
        self._is_held = True

    def leave(self) -> None:
        """Give the place to the next call."""
        if self._is_held:
            self._is_held = False
            self._free.release()

    @asynccontextmanager
    async def left(self) -> AsyncIterator[None]:
        """Give up the place while the block runs, then wait for it again."""
        self.leave()
        yield
        await self.take()


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
    async def under_way(self, client: str) -> AsyncIterator[Place]:
        """Count a call of a client while the block runs; waits first if the client has too many."""
        lane = self._lanes.setdefault(client, Lane(self._most))
        lane.calls += 1
        place = Place(lane.free)
        try:
            await place.take()
            yield place
        finally:
            place.leave()
            lane.calls -= 1
            if not lane.calls:
                del self._lanes[client]
