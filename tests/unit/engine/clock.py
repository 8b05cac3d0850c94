"""A loop and a clock that go on when the test says so: what waits for a refill waits in no real time."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock


class HandLoop(asyncio.AbstractEventLoop):
    """Calls what was asked for, in order, when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.turns = 0
        self._soon: deque[Callable[[], object]] = deque()
        self._later: list[tuple[float, Callable[[], object]]] = []

    def call_soon(self, callback, *args, context=None):  # type: ignore[no-untyped-def,override] # noqa: ANN001, ANN002, ANN201, ARG002
        self._soon.append(lambda: callback(*args))

    def call_later(self, delay, callback, *args, context=None):  # type: ignore[no-untyped-def,override] # noqa: ANN001, ANN002, ANN201, ARG002
        self._later.append((self.now + delay, lambda: callback(*args)))

    def turn(self) -> bool:
        """Run one turn; False if nothing was left to do, now or later."""
        self.turns += 1
        if not self._soon and self._later:
            self._later.sort(key=lambda one: one[0])
            self.now, callback = self._later.pop(0)
            self._soon.append(callback)
        for _ in range(len(self._soon)):
            self._soon.popleft()()
        return bool(self._soon or self._later)

    def run(self) -> None:
        """Turn until nothing is left to do."""
        while self.turn():
            pass


@contextmanager
def by_hand() -> Iterator[HandLoop]:
    """Put a hand-driven loop and clock in place of the real ones."""
    loop = HandLoop()
    with mock.patch("realtime.engine.budget.monotonic", lambda: loop.now):
        asyncio._set_running_loop(loop)
        try:
            yield loop
        finally:
            asyncio._set_running_loop(None)
