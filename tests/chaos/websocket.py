"""The least of a WebSocket client: it reads or does not, as the test wants, and hangs up without a word."""

import asyncio
import socket

CLOSE = 8
SHORT, MEDIUM, LONG = 126, 65536, 127
CONNECT_SECONDS = 3.0


class WebSocket:
    """One connection to a hub, without extensions; texts only. Raises OSError or IncompleteReadError when it is gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int, *, receive_buffer: int = 0) -> "WebSocket":
        """Open a connection; a small `receive_buffer` (bytes) makes it a slow client as soon as nobody reads."""
        connection = socket.socket()
        connection.setblocking(False)
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
                reader, writer = await asyncio.open_connection(sock=connection, limit=receive_buffer or 2**16)
        except BaseException:
            connection.close()
            raise
        return cls(reader, writer)

    async def open(self) -> None:
        """Ask for the WebSocket."""
        self._writer.write(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        if b" 101 " not in await self._reader.readuntil(b"\r\n\r\n"):
            raise ConnectionRefusedError("the hub does not take connections")

    def send(self, text: str) -> None:
        """Send a text, masked with zeros."""
        data = text.encode()
        if len(data) < SHORT:
            size = bytes([0x80 | len(data)])
        elif len(data) < MEDIUM:
            size = b"\xfe" + len(data).to_bytes(2, "big")
        else:
            size = b"\xff" + len(data).to_bytes(8, "big")
        self._writer.write(b"\x81" + size + bytes(4) + data)

    async def read(self) -> str:
        """Return the next text."""
        kind, size = await self._reader.readexactly(2)
        if size == SHORT:
            size = int.from_bytes(await self._reader.readexactly(2), "big")
        elif size == LONG:
            size = int.from_bytes(await self._reader.readexactly(8), "big")
        data = await self._reader.readexactly(size)
        if kind & 0x0F == CLOSE:
            raise ConnectionResetError("the hub says goodbye")
        return data.decode()

    def abort(self) -> None:
        """Hang up at once."""
        self._writer.transport.abort()
