"""Turns at a scarce resource, such as a hashing thread: a short queue, in which subjects (an address, a user) take turns.

When it is full, the newest entry of the subject with the most entries is refused at once. So a flood by one client costs
others one turn each, not their place.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

from core.base import errors

Turn: TypeAlias = asyncio.Future[None]


class FairQueue:
    """At most `most` entries that wait for their turn."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[str, deque[Turn]] = {}
        self._length = 0
        self.refused = 0

    def __len__(self) -> int:
        return self._length

    def add(self, subject: str) -> Turn:
        """Return a future that is done when it is the subject's turn; raises UNAVAILABLE, as the future may while it waits."""
        if self._length >= self._most:
            self._make_room(subject)
        turn: Turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(subject, deque()).append(turn)
        self._length += 1
        return turn

    def next(self) -> Turn | None:
        """Remove and return the entry whose turn it is."""
        while self._waiting:
            subject, turns = next(iter(self._waiting.items()))
            turn = turns[0]
            self.remove(subject, turn)
            if turns:
                self._waiting[subject] = self._waiting.pop(subject)  # behind the others
            if not turn.done():  # not cancelled meanwhile
                return turn
        return None

    def remove(self, subject: str, turn: Turn) -> None:
        """Remove an entry that nobody waits for any more, if it is still there."""
        turns = self._waiting.get(subject, deque())
        if turn not in turns:
            return
        turns.remove(turn)
        self._length -= 1
        if not turns:
            del self._waiting[subject]

    def _make_room(self, subject: str) -> None:
        """Refuse the newest entry of the subject with the most entries; raises UNAVAILABLE if that is this one."""
        self.refused += 1
        longest = max(self._waiting.values(), key=len)
        if len(longest) <= len(self._waiting.get(subject, ())) + 1:
            raise errors.UNAVAILABLE.error()
        newest = longest.pop()
        self._length -= 1
        if not newest.done():
            newest.set_exception(errors.UNAVAILABLE.error())


class Turns:
    """A resource with `width` slots, for subjects that take turns; `queue` counts waiting and refused entries."""

    def __init__(self, width: int, most_waiting: int) -> None:
        self._free = width
        self.queue = FairQueue(most_waiting)

    @asynccontextmanager
    async def turn(self, subject: str) -> AsyncIterator[None]:
        """Run a block when it is the subject's turn; raises UNAVAILABLE."""
        turn = self.queue.add(subject)
        self._grant()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self.queue.remove(subject, turn)
            elif not turn.exception():
                self._give_back()
            raise
        try:
            yield
        finally:
            self._give_back()

    def _grant(self) -> None:
        while self._free and (turn := self.queue.next()):
            self._free -= 1
            turn.set_result(None)

    def _give_back(self) -> None:
        self._free += 1
        self._grant()
