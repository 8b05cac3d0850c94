"""What it looks like when Redis is away, and how long to wait for it. Whoever can do without it catches REDIS_AWAY."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from redis.exceptions import RedisError

# uvloop says RuntimeError when redis-py writes to a connection that has closed a moment ago.
REDIS_AWAY: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError, RuntimeError)

TURNS: Final = 10  # of the loop, at least, in which an answer could be read


@asynccontextmanager
async def patience(seconds: float) -> AsyncIterator[None]:
    """Raise TimeoutError in a block that takes so long while the loop reads: a loop that is busy is no server that is away.

    The time is counted in TURNS pieces, between which the loop reads. One that lasts longer, because the loop was held, counts
    as one all the same.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as deadline:
        timers = deque[asyncio.TimerHandle](maxlen=1)

        def wait(left: int) -> None:
            if left:
                timers.append(loop.call_later(seconds / TURNS, wait, left - 1))
            else:
                deadline.reschedule(loop.time())

        wait(TURNS)
        try:
            yield
        finally:
            timers[0].cancel()
