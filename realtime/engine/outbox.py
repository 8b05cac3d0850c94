"""What a loop turn has to say, gathered per session: one write each, whatever the number of rooms and acks."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from realtime.engine.session import Session

_log = logging.getLogger(__name__)


class Outbox:
    """Frames for sessions, written once at the end of the loop turn, in the order in which they were given."""

    def __init__(self) -> None:
        self._pending: defaultdict[Session, list[bytes]] = defaultdict(list)
        self._sole: tuple[list[Session], bytes] | None = None
        self._scheduled = False
        self._gatherers: list[Callable[[], None]] = []

    def before_flush(self, gather: Callable[[], None]) -> None:
        """Call `gather` once, just before this turn's frames are written: it may add to them."""
        self._gatherers.append(gather)
        if not self._scheduled:
            self._schedule()

    def add(self, session: "Session", frames: bytes) -> None:
        """Whole frames for one session, also when it is behind."""
        if self._sole is not None:
            self._spill(*self._sole)
        self._pending[session].append(frames)
        if not self._scheduled:
            self._schedule()

    def broadcast(self, sessions: Iterable["Session"], frames: bytes) -> None:
        """The same frames for all `sessions` that are not behind; who is told is settled now."""
        receivers = [session for session in sessions if not session.behind]
        if self._sole is not None:
            self._spill(*self._sole)
        if self._pending:
            self._gather(receivers, frames)
        else:  # often the only thing said in a turn, and then it needs no gathering
            self._sole = receivers, frames
        if not self._scheduled:
            self._schedule()

    def settle(self, session: "Session") -> None:
        """Write now what waits for `session`."""
        if self._sole is not None:
            self._spill(*self._sole)
        if frames := self._pending.pop(session, None):
            session.write(b"".join(frames))

    def _spill(self, receivers: list["Session"], frames: bytes) -> None:
        self._sole = None
        self._gather(receivers, frames)

    def _gather(self, receivers: list["Session"], frames: bytes) -> None:
        pending = self._pending
        for session in receivers:
            pending[session].append(frames)

    def _schedule(self) -> None:
        self._scheduled = True
        asyncio.get_running_loop().call_soon(self._flush)

    def _gather_all(self) -> None:
        gatherers, self._gatherers = self._gatherers, []
        for gather in gatherers:
            try:
                gather()
            except Exception:
                _log.exception("what a part had to say is lost")
        self._scheduled = False
        if self._gatherers:  # asked for while gathering: the next turn's
            self._schedule()

    def _flush(self) -> None:
        self._gather_all()
        if self._sole is not None:
            receivers, frames = self._sole
            self._sole = None
            for session in receivers:
                session.write(frames)
            return
        pending, self._pending = self._pending, defaultdict(list)
        for session, parts in pending.items():
            session.write(parts[0] if len(parts) == 1 else b"".join(parts))
