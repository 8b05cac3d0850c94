"""What it looks like when Redis is away, and how long to wait for it. Code that can do without it catches REDIS_AWAY."""

import asyncio
from types import TracebackType
from typing import Final, Self

from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

# uvloop says RuntimeError when redis-py writes to a connection that has closed a moment ago.
REDIS_AWAY: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError, RuntimeError)

TURNS: Final = 10  # of the loop, at least, in which an answer could be read


class Patience:
    """Raises TimeoutError in a block that takes so many seconds while the loop reads: a busy loop is no server that is away.

    The time is counted in TURNS pieces, between which the loop reads. One that lasts longer, because the loop was held, counts
    as one all the same.
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

    def believes(self, error: BaseException) -> bool:
        """Whether an error is the server's fault; not if something else has lost patience, by the clock alone."""
        return self._left == 0 or not isinstance(error, (TimeoutError, RedisTimeoutError))

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._piece, self._pass)

    def _pass(self) -> None:
        self._left -= 1
        if self._left:
            self._wait()
        else:
            self._deadline.reschedule(asyncio.get_running_loop().time())
