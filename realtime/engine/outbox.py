"""A write buffer per session, flushed once per loop turn: one write each, whatever the number of rooms and acks."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Protocol

_log = logging.getLogger(__name__)


class Writable(Protocol):
    """The target of writes: a `Session`."""

    behind: bool

    def write(self, frames: bytes, /) -> None:
        """Send whole frames now."""


class Outbox:
    """Frames for sessions, written once at the end of the loop turn, in the order in which they were given."""

    def __init__(self) -> None:
        self._first: dict[Writable, bytes] = {}  # most get one write in a turn, which needs no list
        self._more: defaultdict[Writable, list[bytes]] = defaultdict(list)
        self._scheduled = False
        self._gatherers: list[Callable[[], None]] = []

    def before_flush(self, gather: Callable[[], None]) -> None:
        """Call `gather` once, just before this turn's frames are written: it may add to them."""
        self._gatherers.append(gather)
        if not self._scheduled:
            self._schedule()

    def add(self, session: Writable, frames: bytes) -> None:
        """Add whole frames for one session, also when it is behind."""
        if session in self._first:
            self._more[session].append(frames)
        else:
            self._first[session] = frames
        if not self._scheduled:
            self._schedule()

    def broadcast(self, sessions: Iterable[Writable], frames: bytes) -> None:
        """Add the same frames for all `sessions` that are not behind now."""
        receivers = [session for session in sessions if not session.behind]
        if self._first.keys().isdisjoint(receivers):
            self._first.update(dict.fromkeys(receivers, frames))
        else:
            for session in receivers:
                self.add(session, frames)
        if not self._scheduled:
            self._schedule()

    def settle(self, session: Writable) -> None:
        """Flush `session` now."""
        if frames := self._first.pop(session, None):
            session.write(b"".join((frames, *self._more.pop(session, ()))))

    def _schedule(self) -> None:
        self._scheduled = True
        asyncio.get_running_loop().call_soon(self._flush)

    def _gather_all(self) -> None:
        gatherers, self._gatherers = self._gatherers, []
        for gather in gatherers:
            try:
                gather()
            except Exception:
                _log.exception("frames of a turn are lost")
        self._scheduled = False
        if self._gatherers:  # added while gathering: for the next turn
            self._schedule()

    def _flush(self) -> None:
        self._gather_all()
        first, self._first = self._first, {}
        more, self._more = self._more, defaultdict(list)
        for session, frames in first.items():
            session.write(b"".join((frames, *more[session])) if session in more else frames)
