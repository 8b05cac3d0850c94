"""A request that waits to be served."""

import asyncio
from collections.abc import Callable

from core.limits.budget import Nested
from realtime.engine.limits.budget import NEW, SERVE
from realtime.engine.limits.guard import Guard


class QueuedRequest:
    """A request that waits: until it is late enough, if it has to be, then for its turn.

    Calls `go(True)` once, or `go(False)` when its address has too many that are late. `turn`: its queue in `Turns`.
    """

    __slots__ = ("_go", "_guard", "_subjects", "_timer")

    def __init__(
        self,
        guard: Guard,
        subjects: Nested,
        go: Callable[[bool], object],
        *,
        is_late: bool,
        turn: str = NEW,
    ) -> None:
        self._guard = guard
        self._subjects = subjects
        self._go: Callable[[bool], object] | None = go
        self._timer: asyncio.TimerHandle | None = None
        if is_late:
            self._timer = asyncio.get_running_loop().call_later(guard.config.late, guard.turns.add, self, turn)
            guard.late.enter(subjects, self)
        else:
            guard.turns.add(self, turn)

    def work(self) -> float:
        """It is its turn."""
        if go := self.leave():
            go(True)
            return SERVE
        return 0.0

    def crowded_out(self) -> None:
        """Refuse it: its address has newer ones."""
        if go := self.leave():
            go(False)

    def leave(self) -> Callable[[bool], object] | None:
        """Stop waiting; return what was to be called, if nothing has been."""
        go, self._go = self._go, None
        if go and self._timer:
            self._timer.cancel()
            self._guard.late.leave(self._subjects, self)
        return go
