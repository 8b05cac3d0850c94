"""Single flight: simultaneous requests for the same work share one execution, and the result may be cached."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Shared(Generic[Value]):
    """The work in progress, by key. Results are cached up to `most` bytes (measured by `size`), least recently used first out."""

    def __init__(self, most: int = 0, size: Callable[[Value], int] = lambda _value: 1) -> None:
        self._most = most
        self._size = size
        self._kept = OrderedDict[Hashable, Value]()
        self._bytes = 0
        self._running: dict[Hashable, asyncio.Task[Value]] = {}

    async def get(self, key: Hashable, make: Callable[[], Coroutine[None, None, Value]]) -> Value:
        """Return the cached result, or that of `make`, joining a call in progress with the same key; raises what it raises.

        Cancelling one caller does not cancel the work for the others.
        """
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(make())
            task.add_done_callback(lambda done: self._end(key, done))
        return await asyncio.shield(task)

    def _end(self, key: Hashable, done: asyncio.Task[Value]) -> None:
        del self._running[key]
        # Also marks the exception as retrieved: all callers may have been cancelled.
        if not done.cancelled() and done.exception() is None:
            self._keep(key, done.result())

    def _keep(self, key: Hashable, value: Value) -> None:
        if self._size(value) > self._most:
            return
        self._kept[key] = value
        self._bytes += self._size(value)
        while self._bytes > self._most:
            self._bytes -= self._size(self._kept.popitem(last=False)[1])
