"""Jobs whose worker died while they ran: one of them may have killed it.

arq counts how often a job was started; this module counts how often it ended, and the difference is the number of deaths. All
jobs that were running when a worker died are suspects. Each gets one more try, without another suspect beside it: if a
worker dies again, that suspect is to blame.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from redis.exceptions import RedisError

from core.work.jobs import BusyError, PermanentError

# As long as arq remembers how often a job was started.
KEPT_SECONDS = 88_400
WAIT_SECONDS = 5.0
_ENDED, _ALONE = "ended", "alone"

ArqContext: TypeAlias = dict[Any, Any]


class Suspects:
    """The suspects of one worker."""

    def __init__(self) -> None:
        self._alone = asyncio.Lock()

    @asynccontextmanager
    async def watch(self, ctx: ArqContext) -> AsyncIterator[None]:
        """Wrap one try of a job; raises PermanentError if it has killed workers, BusyError if another suspect is running."""
        async with self._alone_if_suspect(ctx):
            try:
                yield
            except BusyError:
                raise  # it was not started
            except BaseException:
                await _note_end(ctx)
                raise

    @asynccontextmanager
    async def _alone_if_suspect(self, ctx: ArqContext) -> AsyncIterator[None]:
        known = await _known(ctx) if ctx["job_try"] > 1 else {}
        if ctx["job_try"] - 1 <= int(known.get(_ENDED, 0)):
            yield
            return
        if _ALONE in known:
            raise PermanentError("the worker died while it ran, and again when it was tried without other suspects")
        if self._alone.locked():
            raise BusyError(WAIT_SECONDS)
        async with self._alone:
            await ctx["redis"].hset(_key(ctx), _ALONE, 1)
            yield


async def _known(ctx: ArqContext) -> dict[str, str]:
    found: dict[bytes, bytes] = await ctx["redis"].hgetall(_key(ctx))
    return {name.decode(): value.decode() for name, value in found.items()}


async def _note_end(ctx: ArqContext) -> None:
    with contextlib.suppress(RedisError, OSError):  # it will be a suspect, and has its try
        async with ctx["redis"].pipeline(transaction=True) as pipe:
            pipe.hset(_key(ctx), _ENDED, ctx["job_try"])
            pipe.hdel(_key(ctx), _ALONE)
            pipe.expire(_key(ctx), KEPT_SECONDS)
            await pipe.execute()


def _key(ctx: ArqContext) -> str:
    return f"job:{ctx['job_id']}"
