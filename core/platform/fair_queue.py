"""Turns at something scarce, such as a thread that hashes: a short queue, in which subjects (an address, a user) take turns.

When it is full, the subject with the most in it loses its newest, and is told so at once. So one client's flood costs others a
turn each, not their place.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

from core.base import errors

Turn: TypeAlias = asyncio.Future[None]


class FairQueue:
    """At most `most` that wait for their turn."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[str, deque[Turn]] = {}
        self._length = 0
        self.refused = 0

    def __len__(self) -> int:
        return self._length

    def add(self, subject: str) -> Turn:
        """Return what is done when it is the subject's turn; raises UNAVAILABLE, as that may do while it waits."""
        if self._length >= self._most:
            self._make_room(subject)
        turn: Turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(subject, deque()).append(turn)
        self._length += 1
        return turn

    def next(self) -> Turn | None:
        """Take out the one whose turn it is."""
        while self._waiting:
            subject, turns = next(iter(self._waiting.items()))
            turn = turns[0]
            self.remove(subject, turn)
            if turns:
                self._waiting[subject] = self._waiting.pop(subject)  # behind the others
            if not turn.done():  # not given up a moment ago
                return turn
        return None

    def remove(self, subject: str, turn: Turn) -> None:
        """Take out one that nobody waits for any more, if it is still there."""
        turns = self._waiting.get(subject, deque())
        if turn not in turns:
            return
        turns.remove(turn)
        self._length -= 1
        if not turns:
            del self._waiting[subject]

    def _make_room(self, subject: str) -> None:
        """Refuse the newest of the subject with the most; raises UNAVAILABLE where that is this one."""
        self.refused += 1
        longest = max(self._waiting.values(), key=len)
        if len(longest) <= len(self._waiting.get(subject, ())) + 1:
            raise errors.UNAVAILABLE.error()
        newest = longest.pop()
        self._length -= 1
        if not newest.done():
            newest.set_exception(errors.UNAVAILABLE.error())


class Turns:
    """Something of which there are `width`, for subjects that take turns; `queue` says how many wait and were refused."""

    def __init__(self, width: int, most_waiting: int) -> None:
        self._free = width
        self.queue = FairQueue(most_waiting)

    @asynccontextmanager
    async def turn(self, subject: str) -> AsyncIterator[None]:
        """Run a block when it is the subject's turn; raises UNAVAILABLE."""
        turn = self.queue.add(subject)
        self._give()
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

    def _give(self) -> None:
        while self._free and (turn := self.queue.next()):
            self._free -= 1
            turn.set_result(None)

    def _give_back(self) -> None:
        self._free += 1
        self._give()
