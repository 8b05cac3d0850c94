"""Work that many ask for at the same time, and that is done once for all of them."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Shared(Generic[Value]):
    """What is under way, by what it is about. Nothing is kept once it is done."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[Value]] = {}

    async def get(self, key: Hashable, make: Callable[[], Coroutine[None, None, Value]]) -> Value:
        """Return what `make` returns, or what it returns to somebody who has asked before; raises what it raises.

        Who goes away ends it for nobody else.
        """
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(make())
            task.add_done_callback(lambda done: self._end(key, done))
        return await asyncio.shield(task)

    def _end(self, key: Hashable, done: asyncio.Task[Value]) -> None:
        del self._running[key]
        if not done.cancelled():
            done.exception()  # all who asked may be gone: then nobody else looks at it
