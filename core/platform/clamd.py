"""A client of the virus scanner ClamAV: its INSTREAM command, over TCP or a Unix socket."""

import asyncio
from typing import IO
from urllib.parse import urlsplit

CONNECT_SECONDS = 5.0
# The scanner answers after it has scanned everything; a job has 30 seconds in total.
ANSWER_SECONDS = 25.0
CHUNK = 256 * 1024
MAX_ANSWER = 4096


class ScannerAwayError(Exception):
    """The scanner does not answer, or gives no verdict: nothing is known about the file."""


async def scan(url: str, content: IO[bytes]) -> str | None:
    """Return the name of the malware in a file, None if there is none; raises ScannerAwayError.

    `url` is tcp://host:port or unix:///path; the file is read from its beginning.
    """
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await _connect(url)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return _verdict(await _ask(reader, writer, content))
        finally:
            writer.close()
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
        raise ScannerAwayError(f"the virus scanner does not answer: {error!r}") from error


async def _connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(url)
    if address.scheme == "unix":
        return await asyncio.open_unix_connection(address.path, limit=MAX_ANSWER)
    return await asyncio.open_connection(address.hostname, address.port or 3310, limit=MAX_ANSWER)


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, content: IO[bytes]) -> str:
    answer = asyncio.create_task(_read(reader))  # it may answer before the end, if the file is too big
    try:
        content.seek(0)
        writer.write(b"zINSTREAM\0")
        while not answer.done() and (chunk := content.read(CHUNK)):
            writer.write(len(chunk).to_bytes(4) + chunk)
            await writer.drain()
        if not answer.done():
            writer.write(bytes(4))
        return await answer
    finally:
        answer.cancel()


async def _read(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\0")).rstrip(b"\0").decode(errors="replace")


def _verdict(answer: str) -> str | None:
    """Read `stream: OK` or `stream: Name FOUND`; anything else is not a verdict."""
    said = answer.removeprefix("stream: ")
    if said == "OK":
        return None
    if said.endswith(" FOUND"):
        return said.removesuffix(" FOUND")
    raise ScannerAwayError(f"the virus scanner says: {answer}")
