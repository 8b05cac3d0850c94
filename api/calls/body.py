"""Bodies of calls, read with a turn for others after each piece: also one that came all at once, in very many small chunks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from api.lanes import Place
from core.base import errors

BODY_SECONDS = 10.0  # for all of it; the work begins after that
RAW = web.RequestKey("raw", bytes)  # of a call that had to be read before it was admitted
PLACE = web.RequestKey("place", Place)
# What aiohttp raises at a body that breaks off, or is not what its head says.
BROKEN = (HttpProcessingError, RuntimeError, EOFError)


async def read_body(request: web.Request, most: int = 0) -> bytes:
    """Read a body of at most `most` bytes (0: the usual).

    Raises PAYLOAD_TOO_LARGE, before it is read if its head says so, MALFORMED_REQUEST, REQUEST_TIMEOUT.
    """
    most = most or request.client_max_size
    if (request.content_length or 0) > most:
        raise errors.PAYLOAD_TOO_LARGE.error()
    async with in_time(BODY_SECONDS):
        return await _read(request, most)


@asynccontextmanager
async def in_time(seconds: float) -> AsyncIterator[None]:
    """Bound the time in which a client must have sent what the block reads; raises REQUEST_TIMEOUT."""
    try:
        async with asyncio.timeout(seconds) as deadline:
            yield
    except TimeoutError:
        if deadline.expired():
            raise errors.REQUEST_TIMEOUT.error() from None
        raise


async def _read(request: web.Request, most: int) -> bytes:
    body, piece = bytearray(), b""
    try:
        while piece := await request.content.readany():
            body += piece
            if len(body) > most:
                raise errors.PAYLOAD_TOO_LARGE.error()
            await asyncio.sleep(0)
        return bytes(body)
    except BROKEN:
        raise errors.MALFORMED_REQUEST.error("The body is not whole") from None
    finally:
        body.clear()  # an exception keeps what a client that has gone has sent, until the garbage collector comes
        piece = b""


async def read_aside(request: web.Request, most: int = 0) -> bytes:
    """Read a body; while it is still to come, others have the place of the call."""
    place = request.get(PLACE)
    if place is None or request.content.is_eof():
        return await read_body(request, most)
    async with place.left():
        return await read_body(request, most)


@asynccontextmanager
async def stopped(deadline: asyncio.Timeout) -> AsyncIterator[None]:
    """Stop the time of a call while its client has to send the body: that has a deadline of its own."""
    loop, when = asyncio.get_running_loop(), deadline.when()
    assert when is not None  # noqa: S101 - a call has one
    left = when - loop.time()
    deadline.reschedule(None)
    yield
    deadline.reschedule(loop.time() + left)
