"""One pipelined RESP connection, kept up. hiredis parses; twenty times what redis-py's pub/sub receives (docs/adr/0002)."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from typing import cast
from urllib.parse import unquote, urlsplit

import hiredis

log = logging.getLogger(__name__)

MAX_UNSENT = 16 * 1024 * 1024
RETRY_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)
CONNECT_SECONDS = 2.0


class RedisLink(asyncio.Protocol):
    """Sends commands without waiting for replies and hands every reply to `heard`.

    Commands of one loop turn go out in one write. While the server is away they are dropped, as they are when more than 16 MiB
    wait to be sent: what goes over this link are hints. `opened` is called after each connect, before anything else is sent.
    """

    def __init__(self, url: str, heard: Callable[[object], None], opened: Callable[[], None]) -> None:
        self._url = urlsplit(url)
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
        """Return how many bytes the server has not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    async def start(self) -> None:
        """Try to connect once; if that fails, go on trying in the background."""
        with contextlib.suppress(OSError, TimeoutError):
            await self._connect()
            return
        self._reconnect()

    async def stop(self) -> None:
        """Send what waits and close."""
        self._stopped = True
        self._flush()
        if self._connecting:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        if self._transport:
            self._transport.close()
            await self._lost.wait()

    def drop(self) -> None:
        """Give this connection up and make a new one."""
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
        """Authenticate as the URL says. Its database does not matter: pub/sub knows none."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclasses
        self._lost.clear()
        self._reader = hiredis.Reader()
        if self._url.password:
            user = (unquote(self._url.username).encode(),) if self._url.username else ()
            self.send((b"AUTH", *user, unquote(self._url.password).encode()))
        self._opened()

    def data_received(self, data: bytes) -> None:
        """Hand on every complete reply."""
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            if isinstance(reply, hiredis.ReplyError):
                log.error("redis refused a command: %s", reply)
            else:
                self._heard(reply)

    def connection_lost(self, _error: Exception | None) -> None:
        """Forget what was not sent and connect again."""
        self._transport = None
        self._unsent.clear()
        self._lost.set()
        if not self._stopped:
            self._reconnect()

    def _flush(self) -> None:
        if self._unsent and self._transport:
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def _reconnect(self) -> None:
        self._connecting = asyncio.get_running_loop().create_task(self._keep_trying(), name="redis reconnect")

    async def _keep_trying(self) -> None:
        attempt = 0
        while not self._stopped:
            try:
                await self._connect()
            except (OSError, TimeoutError) as error:
                if attempt == 0:
                    log.warning("redis does not answer: %s", error)
            else:
                return
            await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
            attempt += 1

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_SECONDS):
            if self._url.scheme == "unix":
                await loop.create_unix_connection(lambda: self, unquote(self._url.path))
            else:
                tls = ssl.create_default_context() if self._url.scheme == "rediss" else None
                host, port = self._url.hostname or "127.0.0.1", self._url.port or 6379
                await loop.create_connection(lambda: self, host, port, ssl=tls)
