"""Work that a process repeats until it stops."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)


class Periodic:
    """Calls `work` every so many seconds. An error is logged and does not end it."""

    def __init__(self, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        self._work = work
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None
        self._is_over = False

    def start(self) -> None:
        """Start; the first call is one period from now."""
        self._task = asyncio.get_running_loop().create_task(self._repeat(), name=f"every {self._seconds} s")

    async def stop(self) -> None:
        """Stop, also in the middle of the work."""
        if self._task:
            self._is_over = True  # work that waits with a timeout may swallow the cancellation
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _repeat(self) -> None:
        while not self._is_over:
            await asyncio.sleep(self._seconds)
            try:
                await self._work()
            except Exception:
                log.exception("%s failed", self._work.__qualname__)
