"""The front door: one port, where the first request of a connection decides whether the engine or aiohttp serves it."""

import asyncio
import re
import socket
from collections.abc import Callable
from functools import partial
from typing import Final, cast

from aiohttp import web

from realtime.engine.acceptor import Acceptor
from realtime.engine.http.connection import HEAD_TIME, MAX_HEAD
from realtime.engine.http.faults import BAD_REQUEST, HEADERS_TOO_LARGE, TOO_MANY, TOO_SLOW
from realtime.engine.http.handshake import Refused, Request, read_upgrade
from realtime.engine.http.intake import Intake, Receiver
from realtime.engine.http.queued_request import QueuedRequest
from realtime.engine.http.serving import Http
from realtime.engine.limits.budget import NEW, SERVE
from realtime.engine.limits.guard import Client, Guard

# Bytes of a connection that the kernel buffers while it is not read. By default it would be megabytes, and hundreds of such
# connections would exhaust its memory. Half a second's worth of 200 KB/s, or 1 MB/s over 100 ms.
RECEIVED: Final = 128 * 1024

_END: Final = b"\r\n\r\n"
_METHOD: Final = re.compile(rb"(?:\r?\n)*(?:[A-Z-]{0,20}\Z|[A-Z-]{1,20} )")  # how HTTP begins, unlike TLS and others


async def open_door(
    acceptor: Acceptor, server: web.Server, host: str, port: int, *, reuse_port: bool = False
) -> asyncio.Server:
    """Listen for all clients; what is not a WebSocket goes to the application of `server`."""
    guard = acceptor.engine.guard
    return await _listen(guard, partial(Door, guard, partial(Http, server, guard), acceptor), host, port, reuse_port)


async def open_http(guard: Guard, server: web.Server, host: str, port: int) -> asyncio.Server:
    """Listen for an application alone, with the deadlines, limits and errors of every other port."""
    return await _listen(guard, partial(Door, guard, partial(Http, server, guard)), host, port, False)


async def _listen(guard: Guard, door: Callable[[], "Door"], host: str, port: int, reuse_port: bool) -> asyncio.Server:
    def connection() -> Intake:
        return Intake(guard.turns, door())

    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, host, port, backlog=4096, reuse_port=reuse_port or None)
    for listener in server.sockets:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)  # and connections inherit it
    return server


class Door(asyncio.Protocol):
    """Reads a connection's first request head and hands the connection on."""

    __slots__ = (
        "_acceptor",
        "_client",
        "_end",
        "_guard",
        "_head",
        "_http",
        "_queued",
        "_refusal",
        "_request",
        "_transport",
        "slot",
    )
    _transport: asyncio.Transport

    def __init__(self, guard: Guard, http: Callable[[], Receiver], acceptor: Acceptor | None = None) -> None:
        self._guard = guard
        self._acceptor = acceptor
        self._http = http
        self._head = b""
        self._end = 0  # of the head, once it is whole
        self._request: Request | None = None  # that is for the engine
        self._refusal = b""
        self._client = Client("", ())  # the client of the connection
        self._queued: QueuedRequest | None = None  # where it waits to be handed on, or refused
        self.slot = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a head, for a limited time; the number of waiting connections is limited."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        address, guard = peer[0] if peer else "", self._guard
        self._client = Client(address, guard.subjects(address))
        guard.count_connection(self._client)
        guard.wheel.schedule(self, HEAD_TIME)
        guard.heads.enter(self._client.subjects, self)

    def crowded_out(self) -> None:
        """Close: its address has newer connections, or too many waiting bytes."""
        self._guard.config.limited("connections", self._client.address)
        self._settle()
        self._answer(TOO_MANY.answer("Retry-After: 1"))

    def due(self) -> None:
        """The head did not come, or the process stops while it waits."""
        self._settle()
        self._answer(self._refusal or TOO_SLOW.answer())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The client is gone before it was served."""
        self._settle()

    def _settle(self) -> None:
        """Stop waiting."""
        guard, subjects = self._guard, self._client.subjects
        guard.wheel.cancel(self)
        guard.heads.leave(subjects, self)
        if self._queued:
            guard.held.put(subjects, self, 0)
            self._queued.leave()

    turn = NEW

    @property
    def takes_more(self) -> bool:
        """Whether the head is not whole yet."""
        return self._queued is None

    def data_received(self, data: bytes) -> None:
        """Collect the head."""
        seen = len(self._head)
        self._head += data
        if self._queued:
            self._transport.pause_reading()
            self._count()
            return
        end = self._head.find(_END, max(0, seen - 3))
        if not _METHOD.match(self._head):
            self._refuse(BAD_REQUEST.answer())
        elif 0 <= end <= MAX_HEAD:
            self._end = end
            self._hand_on()
        elif len(self._head) >= MAX_HEAD + len(_END):
            self._refuse(HEADERS_TOO_LARGE.answer())

    def _hand_on(self) -> None:
        """Hand the connection on, late if its address opens too many WebSockets; requests of HTTP are counted there."""
        acceptor, client, is_late = self._acceptor, self._client, False
        if acceptor:
            self._request = request = read_upgrade(self._head[: self._end], client.address, acceptor.paths)
            if request:
                client = self._guard.client(request.remote, request.forwarded)
                is_late = acceptor.is_late(client, request, self._guard.traffic)
        self._wait(client, is_late, self._to_engine if self._request else self._to_http)

    def _wait(self, client: Client, is_late: bool, go: Callable[[], None]) -> None:
        """Continue now, in a later turn, or delayed; meanwhile nothing is read, but a disconnect is noticed."""

        def come(ok: bool) -> None:
            if self._queued:
                self._transport.resume_reading()
            if ok:
                self._settle()
                go()
            else:
                self.crowded_out()

        guard = self._guard
        is_late = is_late and not guard.wheel.is_over
        if not is_late and guard.turns.pass_by(SERVE):
            come(ok=True)
            return
        guard.wheel.schedule(self, HEAD_TIME)
        self._queued = QueuedRequest(guard, client.subjects, come, is_late=is_late)
        self._count()

    def _count(self) -> None:
        self._guard.held.put(self._client.subjects, self, len(self._head))

    def _to_engine(self) -> None:
        acceptor, request = self._acceptor, self._request
        assert acceptor  # noqa: S101 - for the type checker
        assert request  # noqa: S101
        try:
            session = acceptor.admit(request) or acceptor.new_session(request)
        except Refused as refused:
            self._refuse(refused.answer())
            return
        websocket = acceptor.open_websocket(self._transport, request, session)
        if len(self._head) > self._end + len(_END):
            websocket.data_received(self._head[self._end + len(_END) :])

    def _to_http(self) -> None:
        protocol = self._http()
        Intake.take_over(self._transport, self._guard.turns, protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._head)

    def _refuse(self, answer: bytes) -> None:
        """Refuse, delayed if that is too frequent."""
        self._settle()
        self._refusal, self._head = answer, b""  # free its memory
        client, acceptor, request = self._client, self._acceptor, self._request
        if acceptor and request:
            client = self._guard.client(request.remote, request.forwarded)
            is_late = acceptor.is_late(client, request, self._guard.refusals)
        else:
            is_late = self._guard.is_late(client, self._guard.refusals)
        self._wait(client, is_late, lambda: self._answer(answer))

    def _answer(self, answer: bytes) -> None:
        self._transport.write(answer)
        self._transport.close()
