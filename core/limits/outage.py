"""The errors by which Redis shows an outage, and how long to wait for it. Code that can work without it catches REDIS_ERRORS."""

import asyncio
from types import TracebackType
from typing import Final, Self

from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

# uvloop raises RuntimeError if redis-py writes to a connection that has just closed.
REDIS_ERRORS: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError, RuntimeError)

TURNS: Final = 10  # loop iterations, at least, in which an answer could be read


class LoopTimeout:
    """Raises TimeoutError in a block that takes this many seconds while the loop reads: a busy loop is not an outage.

    The time is counted in TURNS pieces, between which the loop reads. A longer one, because the loop was blocked, still
    counts as one.
    """

    def __init__(self, seconds: float) -> None:
        self._piece = seconds / TURNS
        self._left = TURNS
        self._deadline = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle

    async def __aenter__(self) -> Self:
        await self._deadline.__aenter__()
        self._wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        await self._deadline.__aexit__(kind, error, trace)

    def is_outage(self, error: BaseException) -> bool:
        """Whether an error is the server's fault, as opposed to a timeout set elsewhere, which only measures the clock."""
        return self._left == 0 or not isinstance(error, (TimeoutError, RedisTimeoutError))

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._piece, self._pass)

    def _pass(self) -> None:
        self._left -= 1
        if self._left:
            self._wait()
        else:
            self._deadline.reschedule(asyncio.get_running_loop().time())
