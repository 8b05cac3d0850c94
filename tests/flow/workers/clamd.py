"""A virus scanner for tests: it speaks clamd's INSTREAM and finds what contains MALWARE."""

import asyncio
from dataclasses import dataclass, field

from tests.flow.conftest import PATIENCE

MALWARE = b"X5O!-TEST-MALWARE"


@dataclass
class Scanner:
    """It answers while it is `open`; `answers` come before its own."""

    url: str = ""
    open: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    answers: list[bytes] = field(default_factory=list)
    scanned: list[bytes] = field(default_factory=list)

    async def next_asked(self) -> bytes:
        """Return what it is asked about next."""
        async with asyncio.timeout(PATIENCE):
            return await self.asked.get()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            assert await reader.readexactly(10) == b"zINSTREAM\0"
            content = b""
            while size := int.from_bytes(await reader.readexactly(4)):
                content += await reader.readexactly(size)
            self.scanned.append(content)
            self.asked.put_nowait(content)
            await self.open.wait()
            verdict = b"stream: Test.Malware FOUND" if MALWARE in content else b"stream: OK"
            writer.write((self.answers.pop(0) if self.answers else verdict) + b"\0")
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
