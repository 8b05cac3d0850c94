"""The front door: one port, where the first request of a connection says who serves it."""

import asyncio
import re
from collections.abc import Callable
from functools import partial
from typing import Final, cast

from aiohttp import web

from core.budget import Nested
from realtime.engine.faults import BAD_REQUEST, HEADERS_TOO_LARGE, TOO_MANY, TOO_SLOW, Fault
from realtime.engine.guard import Guard
from realtime.engine.handshake import Refused, Request, read_upgrade
from realtime.engine.http import HEAD_TIME, MAX_HEAD, Http
from realtime.engine.server import Engine

_END: Final = b"\r\n\r\n"
_METHOD: Final = re.compile(rb"(?:\r?\n)*(?:[A-Z-]{0,20}\Z|[A-Z-]{1,20} )")  # HTTP begins so; TLS and others do not


async def open_door(
    engine: Engine, server: web.Server, host: str, port: int, *, reuse_port: bool = False
) -> asyncio.Server:
    """Listen for everybody; what is not a WebSocket of the engine goes to the application of `server`."""
    return await _listen(
        partial(Door, engine.guard, partial(Http, server, engine.guard), engine), host, port, reuse_port
    )


async def open_http(guard: Guard, server: web.Server, host: str, port: int) -> asyncio.Server:
    """Listen for an application alone, with the deadlines, limits and errors of every other port."""
    return await _listen(partial(Door, guard, partial(Http, server, guard)), host, port, False)


async def _listen(door: Callable[[], "Door"], host: str, port: int, reuse_port: bool) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    return await loop.create_server(door, host, port, backlog=4096, reuse_port=reuse_port or None)


class Door(asyncio.Protocol):
    """Reads a connection's first request head and hands the connection on."""

    __slots__ = ("_engine", "_guard", "_head", "_http", "_refusal", "_subjects", "_transport", "slot")
    _transport: asyncio.Transport

    def __init__(self, guard: Guard, http: Callable[[], asyncio.Protocol], engine: Engine | None = None) -> None:
        self._guard = guard
        self._engine = engine
        self._http = http
        self._head = b""
        self._refusal = b""  # the answer that is sent after the tarpit
        self._subjects: Nested = ()
        self.slot = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a head, not for ever, and not from all too many at a time."""
        self._transport = cast("asyncio.Transport", transport)
        self._wait(HEAD_TIME)

    def _wait(self, seconds: float) -> None:
        self._subjects = self._guard.subjects(self._peer())
        self._guard.wheel.schedule(self, seconds)
        self._guard.heads.enter(self._subjects, self)

    def crowded_out(self) -> None:
        """Close: newer connections of its address need the place."""
        self._guard.config.limited("connections", self._peer())
        self._settle()
        self._answer(TOO_MANY, "Retry-After: 1")

    def _peer(self) -> str:
        peer = self._transport.get_extra_info("peername")
        return peer[0] if peer else ""

    def due(self) -> None:
        """The head did not come, or has waited for its refusal."""
        if not self._refusal:
            self._refuse(TOO_SLOW)
            return
        self._settle()
        self._transport.write(self._refusal)
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Gone before it said anything."""
        self._settle()

    def _settle(self) -> None:
        """Wait no longer."""
        self._guard.wheel.cancel(self)
        self._guard.heads.leave(self._subjects, self)
        self._subjects = ()

    def data_received(self, data: bytes) -> None:
        """Collect the head."""
        if self._refusal:
            return
        seen = len(self._head)
        self._head += data
        end = self._head.find(_END, max(0, seen - 3))
        if not _METHOD.match(self._head):
            self._refuse(BAD_REQUEST)
        elif 0 <= end <= MAX_HEAD:
            self._settle()
            self._hand_on(end)
        elif len(self._head) >= MAX_HEAD + len(_END):
            self._refuse(HEADERS_TOO_LARGE)

    def _hand_on(self, end: int) -> None:
        engine = self._engine
        request = read_upgrade(self._head[:end], self._peer(), engine.paths) if engine else None
        if engine is None or request is None:
            self._to_http()
        else:
            self._to_engine(engine, request, end + len(_END))

    def _to_engine(self, engine: Engine, request: Request, end: int) -> None:
        try:
            session = engine.admit(request) or engine.new_session(request)
        except Refused as refused:
            self._refusal, self._head = refused.answer(), b""
            self._transport.pause_reading()  # all the rest is not wanted
            if refused.status == TOO_MANY.status:
                self._wait(self._guard.config.tarpit)
            else:
                self.due()
            return
        websocket = engine.open_websocket(self._transport, request, session)
        if len(self._head) > end:
            websocket.data_received(self._head[end:])

    def _to_http(self) -> None:
        protocol = self._http()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._head)

    def _refuse(self, fault: Fault) -> None:
        self._settle()
        self._answer(fault)

    def _answer(self, fault: Fault, *headers: str) -> None:
        self._transport.write(fault.answer(*headers))
        self._transport.close()
