"""Calls with files: multipart/form-data, read piece by piece. Files wait on disk until the whole call is received.

A call must not delay others, so everything is bounded before it is parsed: its bytes, its parts (including empty and unknown
ones), the headers of each, and what is parsed in one turn of the loop.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import IO

from aiohttp import web
from multipart import MultipartError, ParserLimitReached, PushMultipartParser, parse_options_header

from api.calls.arguments import Arguments
from api.calls.body import BROKEN, in_time
from api.files.form_parts import MAX_FILES, MAX_TEXT, Form, FormReader
from core.base import errors
from core.files.kinds.purposes import purpose_named
from core.files.table import File
from core.files.uploads import discard, new_file, store
from core.files.urls import file_url
from core.market.market import FilePart, Marketplace, Route
from core.work.context import Ctx

MAX_PARTS = 50
MAX_HEADERS = 8  # of a part; RFC 7578 knows three
MAX_HEADER = 4096  # bytes of a line: enough for a percent-encoded file name
CHUNK = 64 * 1024  # bytes that are parsed in one turn of the loop
FORM_SECONDS = 1200.0  # for a whole form: files may come over slow connections
LINE_END = b"\r\n"
MALFORMED = (MultipartError, UnicodeDecodeError, *BROKEN)


@asynccontextmanager
async def reading(request: web.Request, ctx: Ctx, market: Marketplace, route: Route) -> AsyncIterator[Form]:
    """Read a call.

    Raises MALFORMED_REQUEST, VALIDATION_ERROR, FILE_TOO_LARGE, PAYLOAD_TOO_LARGE, RATE_LIMITED, REQUEST_TIMEOUT.
    """
    with ExitStack() as stack:
        reader = FormReader(ctx, market, route, stack)
        try:
            async with in_time(FORM_SECONDS):
                await _read(request, _parser(request), reader, _Bytes(most_bytes(market, route), route))
        except ParserLimitReached:
            raise errors.PAYLOAD_TOO_LARGE.error() from None
        except MALFORMED:
            raise errors.MALFORMED_REQUEST.error("The body is not valid multipart/form-data") from None
        yield reader.form


def most_bytes(market: Marketplace, route: Route) -> int:
    """Return the largest size of a multipart call of a route: its files, its texts, and their framing."""
    files = (_largest(market, part) * (MAX_FILES if part.many else 1) for part in route.uploads)
    return sum(files) + MAX_TEXT + MAX_PARTS * MAX_HEADER


def _largest(market: Marketplace, part: FilePart) -> int:
    purpose = purpose_named(market.policy, part.purpose)
    return max(kind.max_bytes for kind in purpose.kinds) if purpose else 0


def _parser(request: web.Request) -> PushMultipartParser:
    _, options = parse_options_header(request.headers["Content-Type"])
    return PushMultipartParser(
        options.get("boundary", ""),
        max_header_size=MAX_HEADER,
        max_header_count=MAX_HEADERS,
        max_segment_count=MAX_PARTS,
        strict=True,  # no preamble before the first part, and no folded headers
    )


class _Bytes:
    """Counts the received bytes of a call."""

    def __init__(self, most: int, route: Route) -> None:
        self._left = most
        self._too_large = route.uploads[
            0
        ].too_large  # the route's error for a large file, the likely reason for a large form

    def check(self, size: int) -> None:
        """Raise the route's error if this many more bytes would be too many."""
        if size > self._left:
            raise self._too_large.error()

    def count(self, size: int) -> None:
        """Count received bytes; raises the route's error."""
        self.check(size)
        self._left -= size


async def _read(request: web.Request, parser: PushMultipartParser, reader: FormReader, bytes: _Bytes) -> None:
    """Parse the body, one chunk per turn of the loop, so that others run in between even if all of it is buffered."""
    bytes.check(request.content_length or 0)
    held = b""
    while chunk := await request.content.read(CHUNK):
        bytes.count(len(chunk))
        # The last two bytes wait for what follows. A form may end with a line end or without, and the parser does not take one
        # that comes later than the last boundary.
        chunk = held + chunk
        held = chunk[-len(LINE_END) :]
        await _take(parser, reader, chunk[: -len(LINE_END)])
        await asyncio.sleep(0)
    await _take(parser, reader, held.removesuffix(LINE_END))
    parser.close()


async def _take(parser: PushMultipartParser, reader: FormReader, chunk: bytes) -> None:
    for event in parser.parse(chunk) if chunk else ():
        await reader.take(event)


@asynccontextmanager
async def uploading(ctx: Ctx, form: Form, arguments: Arguments) -> AsyncIterator[object]:
    """Upload the files of a call and yield its body with their addresses; files not attached in the block are deleted."""
    files = [(part, new_file(ctx, new), content) for part, new, content in form.files]
    values = _values(ctx, arguments.ours_of_form(form.texts), files)
    decoded = arguments.shape.convert(values) if arguments.shape else None
    try:
        for _, file, content in files:
            await store(ctx, file, content)
        yield decoded
    finally:
        if files:
            await discard(ctx, [file for _, file, _ in files])


def _values(
    ctx: Ctx, values: dict[str, object], files: Sequence[tuple[FilePart, File, IO[bytes]]]
) -> dict[str, object]:
    for part, file, _ in files:
        url = file_url(ctx, file)
        if part.many:
            known = values.get(part.field)
            values[part.field] = [*(known if isinstance(known, list) else ()), url]
        else:
            values[part.field] = url
    return values
