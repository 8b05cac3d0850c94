"""A loop and a clock that go on when the test says so: what waits for a refill waits in no real time."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast
from unittest import mock


class Timer:
    """What a loop returns of something that it will call."""

    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback = callback
        self._is_on = True

    def cancel(self) -> None:
        self._is_on = False

    def __call__(self) -> None:
        if self._is_on:
            self._callback()


class HandLoop:
    """Calls what was asked for, in order, when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._soon: deque[Callable[[], object]] = deque()
        self._later: list[tuple[float, Timer]] = []

    def call_soon(self, callback: Callable[..., object], *args: object) -> None:
        self._soon.append(lambda: callback(*args))

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> "Timer":
        timer = Timer(lambda: callback(*args))
        self._later.append((self.now + delay, timer))
        return timer

    @property
    def has_work_now(self) -> bool:
        return bool(self._soon)

    def turn(self) -> bool:
        """Run one turn, or what is due next if there is none; False if nothing was left to do."""
        if not self._soon and self._later:
            self._later.sort(key=lambda one: one[0])
            self.now, callback = self._later.pop(0)
            self._soon.append(callback)
        had = len(self._soon)
        for _ in range(had):
            self._soon.popleft()()
        return had > 0

    def run(self) -> None:
        """Turn until nothing is left to do."""
        while self.turn():
            pass


@contextmanager
def by_hand() -> Iterator[HandLoop]:
    """Put a hand-driven loop and clock in place of the real ones."""
    loop = HandLoop()
    with (
        mock.patch("realtime.engine.limits.budget.monotonic", side_effect=lambda: loop.now),
        mock.patch("realtime.engine.limits.guard.monotonic", side_effect=lambda: loop.now),
    ):
        asyncio._set_running_loop(cast("asyncio.AbstractEventLoop", loop))
        try:
            yield loop
        finally:
            asyncio._set_running_loop(None)
