"""A proxy between a hub and its Redis, in which the network breaks as told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CHUNK = 65536


class Proxy:
    """Carries bytes between a loopback port and a Unix socket.

    `pause` and `resume`: connected, but nothing gets through until later. `cut` and `mend`: connections break, new ones are
    refused. `delay`: seconds that everything takes longer.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._carrying: set[asyncio.Task[None]] = set()
        self._open: set[asyncio.Transport | asyncio.WriteTransport] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._is_cut = False
        self.delay = 0.0

    def pause(self) -> None:
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    def cut(self) -> None:
        self._is_cut = True
        self.drop()

    def mend(self) -> None:
        self._is_cut = False

    def drop(self) -> None:
        """Break the connections that there are."""
        for transport in self._open:
            transport.abort()

    def heal(self) -> None:
        """Be a good network again."""
        self.delay = 0.0
        self.mend()
        self.resume()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        task = asyncio.create_task(self._accepted(reader, writer), name="proxied connection")
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def close(self) -> None:
        """Break all connections and return when they are gone."""
        self.cut()
        self.resume()
        if self._carrying:
            await asyncio.wait(self._carrying)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer.transport)
        try:
            if not self._is_cut:
                await self._carry(reader, writer)
        finally:
            self._open.discard(writer.transport)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_unix_connection(self._address)
            self._open.add(far_writer.transport)
            there = asyncio.create_task(self._pump(reader, far_writer), name="to redis")
            back = asyncio.create_task(self._pump(far_reader, writer), name="from redis")
            try:
                await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
            finally:
                there.cancel()
                back.cancel()
                await asyncio.gather(there, back, return_exceptions=True)
                self._open.discard(far_writer.transport)
                far_writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def open_proxy(address: str) -> AsyncIterator[tuple[Proxy, int]]:
    """Open a proxy to a Unix socket and yield it with its port."""
    proxy = Proxy(address)
    server = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
    try:
        yield proxy, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await proxy.close()
