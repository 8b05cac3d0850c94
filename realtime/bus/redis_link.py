"""One pipelined RESP connection that reconnects by itself. It receives twenty times as much as redis-py (docs/adr/0002)."""

import asyncio
import logging
from collections.abc import Callable
from typing import cast

import hiredis
from redis.asyncio.connection import SSLConnection, UnixDomainSocketConnection

from core.limits.outage import REDIS_ERRORS
from core.platform.redis_pool import MasterPool, redis_pool, server_name

log = logging.getLogger(__name__)

MAX_UNSENT = 16 * 1024 * 1024
RETRY_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)
CONNECT_SECONDS = 2.0


class RedisLink(asyncio.Protocol):
    """Sends commands without waiting for replies and calls `heard` with every reply.

    Commands of one loop turn go out in one write. They are dropped while the server is down, and while more than 16 MiB wait to
    be sent: nothing relies on them. `opened` is called after each connect, before anything else is sent.
    """

    def __init__(self, url: str, heard: Callable[[object], None], opened: Callable[[], None]) -> None:
        self._name = server_name(url)
        self._pool = redis_pool(url)  # reads the URL and knows the master; the connection is ours
        self._server = self._pool.make_connection()  # type: ignore[no-untyped-call]
        self._heard = heard
        self._opened = opened
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._connecting: asyncio.Task[None] | None = None
        self._stopped = False
        self._lost = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether there is a connection right now."""
        return self._transport is not None

    def unsent(self) -> int:
        """Return how many bytes wait to be sent."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    async def start(self) -> None:
        """Try to connect once; if that fails, retry in the background."""
        try:
            await self._connect()
        except REDIS_ERRORS:
            self._reconnect()

    async def stop(self) -> None:
        """Flush and close."""
        self._stopped = True
        self._flush()
        if self._connecting:
            if not self.connected:  # a task that has just connected ends in the next turn anyway
                self._connecting.cancel()
            await asyncio.wait([self._connecting])
        if self._transport:
            self._transport.close()
            await self._lost.wait()
        await self._pool.disconnect()

    def drop(self) -> None:
        """Abort this connection and reconnect."""
        if self._transport:
            self._transport.abort()

    def send(self, command: tuple[bytes, ...]) -> None:
        """Queue a command for the end of this loop turn."""
        if self._transport is None or self._transport.get_write_buffer_size() > MAX_UNSENT:
            return
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(hiredis.pack_command(command))  # type: ignore[arg-type] # declared for a single word

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Authenticate, and select the database of the URL."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclasses
        self._lost.clear()
        self._reader = hiredis.Reader()
        if self._server.password:
            user = (self._server.username.encode(),) if self._server.username else ()
            self.send((b"AUTH", *user, self._server.password.encode()))
        self.send((b"SELECT", str(self._server.db).encode()))
        self._opened()

    def data_received(self, data: bytes) -> None:
        """Pass on every complete reply."""
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            if isinstance(reply, hiredis.ReplyError):
                log.error("redis refused a command: %s", reply)
            else:
                self._heard(reply)

    def connection_lost(self, _error: Exception | None) -> None:
        """Drop what was not sent and reconnect."""
        self._transport = None
        self._unsent.clear()
        self._lost.set()
        if not self._stopped:
            self._reconnect()

    def _flush(self) -> None:
        # `connection_lost` comes a turn after an abort.
        if self._unsent and self._transport and not self._transport.is_closing():
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def _reconnect(self) -> None:
        self._connecting = asyncio.get_running_loop().create_task(self._keep_trying(), name="redis reconnect")

    async def _keep_trying(self) -> None:
        attempt = 0
        while not self._stopped:
            try:
                await self._connect()
            except REDIS_ERRORS as error:
                if attempt == 0:
                    log.warning("%s does not answer: %s", self._name, error)
            else:
                return
            await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
            attempt += 1

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_SECONDS):
            if isinstance(self._server, UnixDomainSocketConnection):
                await loop.create_unix_connection(lambda: self, self._server.path)
            else:
                tls = self._server.ssl_context.get() if isinstance(self._server, SSLConnection) else None
                await loop.create_connection(lambda: self, *await self._address(), ssl=tls)

    async def _address(self) -> tuple[str, int]:
        """Return the address of the server: another one may be the master now."""
        if isinstance(self._pool, MasterPool):
            host, port = await self._pool.get_master_address()  # type: ignore[no-untyped-call]
            return host, port
        return self._server.host, self._server.port
