"""An engine that really listens, and a client of raw bytes for what no decent client would send."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from struct import pack, unpack

from aiohttp import web
from aiohttp._websocket.helpers import websocket_mask

from realtime.engine import endpoints
from realtime.engine.acceptor import Acceptor
from realtime.engine.config import Config
from realtime.engine.door import open_door
from realtime.engine.engine import Engine
from realtime.engine.session import Layer, Session

PATIENCE = 20.0
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # the answer to KEY that RFC 6455 gives


@dataclass
class Served:
    """A listening engine."""

    acceptor: Acceptor
    port: int

    @property
    def engine(self) -> Engine:
        return self.acceptor.engine

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


async def hello(_: web.Request) -> web.Response:
    """What the application beside the engine answers."""
    return web.Response(text="hello")


@asynccontextmanager
async def serving(
    config: Config, layer: Callable[[Session], Layer], port: int = 0, routes: Iterable[web.RouteDef] = ()
) -> AsyncIterator[Served]:
    """Serve an engine, on a free port if none is given, with an application that says hello beside it."""
    engine = Engine(config)
    acceptor = Acceptor(engine, layer)
    app = web.Application()
    app.add_routes([*endpoints.routes(acceptor), web.get("/hello", hello), *routes])
    runner = web.AppRunner(app, shutdown_timeout=0.1)  # nobody waits for requests that a test lets wait for ever
    await runner.setup()
    assert runner.server is not None
    engine.start()
    server = await open_door(acceptor, runner.server, "127.0.0.1", port)
    try:
        yield Served(acceptor, server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await engine.stop()
        await runner.cleanup()


def upgrade_head(port: int, path: str = "/socket.io/?EIO=4&transport=websocket", *extra: str) -> bytes:
    """A browser's request for a WebSocket."""
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Connection: keep-alive, Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        f"Sec-WebSocket-Key: {KEY}",
        *extra,
    )
    return "\r\n".join((*lines, "", "")).encode()


def client_frame(first: int, payload: bytes) -> bytes:
    """A masked frame; `first` is its first byte (flags and opcode)."""
    size, mask, masked = len(payload), os.urandom(4), bytearray(payload)
    websocket_mask(mask, masked)
    if size < 126:
        head = pack("!BB", first, 0x80 | size)
    elif size < 65536:
        head = pack("!BBH", first, 0xFE, size)
    else:
        head = pack("!BBQ", first, 0xFF, size)
    return head + mask + masked


def text(packet: str) -> bytes:
    """A client's whole text frame."""
    return client_frame(0x81, packet.encode())


@dataclass
class Raw:
    """A TCP connection whose bytes the test writes and reads itself."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> bytes:
        """The next HTTP answer's head."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def body(self, size: int) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readexactly(size)

    async def frame(self) -> tuple[int, bytes]:
        """The next frame: (first byte, payload)."""
        async with asyncio.timeout(PATIENCE):
            first, size = await self.reader.readexactly(2)
            if size == 126:
                (size,) = unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = unpack("!Q", await self.reader.readexactly(8))
            return first, await self.reader.readexactly(size)

    async def packet(self) -> str:
        """The next text frame's text."""
        first, payload = await self.frame()
        assert first == 0x81, (first, payload)
        return payload.decode()

    async def close_code(self) -> int:
        """The code of the close frame that comes after whatever else, and nothing but the end after it."""
        return (await self.closing())[0]

    async def closing(self) -> tuple[int, str]:
        """Likewise the code and the text of the close frame."""
        while (frame := await self.frame())[0] != 0x88:
            pass
        assert await self.rest() == b""
        return unpack("!H", frame[1][:2])[0], frame[1][2:].decode()

    async def rest(self) -> bytes:
        """Everything until the server hangs up."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Raw]:
    """Connect a raw client."""
    raw = Raw(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield raw
    finally:
        raw.writer.close()
        with suppress(ConnectionError):  # the server was quicker
            await raw.writer.wait_closed()


@asynccontextmanager
async def websocket(served: Served, path: str = "/socket.io/?EIO=4&transport=websocket") -> AsyncIterator[Raw]:
    """Connect a raw client and make its connection a WebSocket."""
    async with connected(served.port) as raw:
        raw.send(upgrade_head(served.port, path))
        head = await raw.head()
        assert head.startswith(b"HTTP/1.1 101 ")
        assert ACCEPT in head
        yield raw
