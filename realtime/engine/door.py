"""The front door: one port, where the first request of a connection says who serves it."""

import asyncio
from collections.abc import Callable
from typing import Final, cast

from realtime.engine.handshake import Refused, Request, read_upgrade
from realtime.engine.server import Engine

MAX_HEAD: Final = 16 * 1024  # bytes
HEAD_TIME: Final = 10.0  # seconds

_END: Final = b"\r\n\r\n"
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


async def open_door(
    engine: Engine, http: Callable[[], asyncio.Protocol], host: str, port: int, *, reuse_port: bool = False
) -> asyncio.Server:
    """Listen for everybody; what is not a WebSocket of the engine goes to a protocol of `http`."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: Door(engine, http), host, port, backlog=4096, reuse_port=reuse_port or None
    )  # fmt: skip


class Door(asyncio.Protocol):
    """Reads a connection's first request head and hands the connection on."""

    __slots__ = ("_engine", "_head", "_http", "_transport", "slot")
    _transport: asyncio.Transport

    def __init__(self, engine: Engine, http: Callable[[], asyncio.Protocol]) -> None:
        self._engine = engine
        self._http = http
        self._head = b""
        self.slot = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a head, not for ever."""
        self._transport = cast("asyncio.Transport", transport)
        self._engine.wheel.schedule(self, HEAD_TIME)

    def due(self) -> None:
        """The head did not come."""
        self._refuse(_TOO_SLOW)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Gone before it said anything."""
        self._engine.wheel.cancel(self)

    def data_received(self, data: bytes) -> None:
        """Collect the head."""
        seen = len(self._head)
        self._head += data
        end = self._head.find(_END, max(0, seen - 3))
        if 0 <= end <= MAX_HEAD:
            self._engine.wheel.cancel(self)
            self._hand_on(end)
        elif len(self._head) >= MAX_HEAD + len(_END):
            self._refuse(_TOO_LARGE)

    def _hand_on(self, end: int) -> None:
        remote = self._transport.get_extra_info("peername")
        request = read_upgrade(self._head[:end], remote[0] if remote else "", self._engine.paths)
        if request is None or not self._to_engine(request, end + len(_END)):
            self._to_http()

    def _to_engine(self, request: Request, end: int) -> bool:
        """Open a WebSocket; a refusal is for the endpoints to tell, since they know how."""
        try:
            known = self._engine.admit(request)
        except Refused:
            return False
        websocket = self._engine.open_websocket(self._transport, request, known)
        if len(self._head) > end:
            websocket.data_received(self._head[end:])
        return True

    def _to_http(self) -> None:
        protocol = self._http()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._head)

    def _refuse(self, answer: bytes) -> None:
        self._engine.wheel.cancel(self)
        self._transport.write(answer)
        self._transport.close()
