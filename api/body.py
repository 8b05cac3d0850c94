"""Bodies of calls, read with a turn for others after each piece: also one that came all at once, in very many small chunks."""

import asyncio

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from core import errors

# What aiohttp raises at a body that breaks off, or is not what its head says.
BROKEN = (HttpProcessingError, RuntimeError, EOFError)


async def read_body(request: web.Request, most: int = 0) -> bytes:
    """Read a body of at most `most` bytes (0: the usual); raises PAYLOAD_TOO_LARGE, before it is read if its head says so, and
    MALFORMED_REQUEST.
    """
    most = most or request.client_max_size
    if (request.content_length or 0) > most:
        raise errors.PAYLOAD_TOO_LARGE.error()
    body = bytearray()
    try:
        while piece := await request.content.readany():
            body += piece
            if len(body) > most:
                raise errors.PAYLOAD_TOO_LARGE.error()
            await asyncio.sleep(0)
    except BROKEN:
        raise errors.MALFORMED_REQUEST.error("The body is not whole") from None
    return bytes(body)
