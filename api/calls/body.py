"""Reads bodies, yielding to the event loop after each piece, even if all of it is buffered in many small chunks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from api.lanes import Place
from core.base import errors

BODY_SECONDS = 10.0  # to receive the whole body, before the call begins
RAW = web.RequestKey("raw", bytes)  # the body of a call that had to be read before admission
PLACE = web.RequestKey("place", Place)
# What aiohttp raises for a body that is truncated or contradicts its headers.
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
        body.clear()  # the traceback of an exception would keep the bytes of a disconnected client until garbage collection
        piece = b""


async def read_aside(request: web.Request, most: int = 0) -> bytes:
    """Read a body; the call gives up its place in the lane while it waits for the client."""
    place = request.get(PLACE)
    if place is None or request.content.is_eof():
        return await read_body(request, most)
    async with place.left():
        return await read_body(request, most)


@asynccontextmanager
async def stopped(deadline: asyncio.Timeout) -> AsyncIterator[None]:
    """Pause the deadline of a call while the client sends the body, which has its own deadline."""
    loop, when = asyncio.get_running_loop(), deadline.when()
    assert when is not None  # noqa: S101 - a call has one
    left = when - loop.time()
    deadline.reschedule(None)
    yield
    deadline.reschedule(loop.time() + left)
