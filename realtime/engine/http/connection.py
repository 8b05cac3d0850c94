"""Reads a connection for aiohttp: in pieces, within a budget, with deadlines for heads and bodies."""

import asyncio
from collections.abc import Mapping
from math import inf
from typing import Final, cast

from aiohttp import hdrs, web
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from realtime.engine.http.faults import (
    HEADERS_TOO_LARGE,
    TOO_SLOW,
    Fault,
)
from realtime.engine.limits.budget import KNOWN, NEW, PARSE, SLICE, Budget
from realtime.engine.limits.guard import Client, Guard

MAX_HEAD: Final = 16 * 1024  # bytes
# Parsed requests of a connection that may wait to be served; later ones are not parsed yet.
PIPELINED: Final = 2
# Of a body, parsed in one turn: at most twice as many bytes, and a fourth as many chunks.
READ_BYTES: Final = 32 * 1024
# Bytes that are parsed in a turn: of bodies without chunks, and of all else, in which each chunk may have a single byte.
BODY_PIECE: Final = 64 * 1024
PIECE: Final = 1024
FRAMING: Final = 16.0  # bytes of the framing of chunks that cost a unit
BODY_HELD: Final = 256 * 1024  # bytes; at most this much of a body counts as held, since large ones go to disk
HEAD_TIME: Final = 10.0  # seconds from the first byte of a head to its last
BODY_TIME: Final = 20.0  # seconds in which a body must ...
BODY_LEAST: Final = 2048  # ... come on by so many bytes, as long as we take it
ANSWER_WATER: Final = 64 * 1024  # bytes of an answer that may wait for the client while more of it is made
ANSWER_HELD: Final = 4 * 1024 * 1024  # bytes; at most this much of an answer counts as unread (exports may be larger)
IDLE_TIME: Final = 75.0  # seconds between two requests; longer than proxies keep a connection, so that they close it


class Connection(web.RequestHandler):
    """Reads a connection for aiohttp.

    The base class waits forever for a head that has begun and for a body. Here both have deadlines: a whole head, and each bit of
    progress of a body. Time in which we do not read does not count.
    """

    __slots__ = (
        "_answer",
        "_at",
        "_budget",
        "_client",
        "_guard",
        "_head",
        "_held",
        "_is_body",
        "_is_plain_body",
        "_is_proxy",
        "_is_waiting",
        "_newest",
        "_parses_on",
        "_peer",
        "_progress",
        "_rest",
        "_sender",
        "slot",
    )

    def __init__(self, server: web.Server, guard: Guard) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=IDLE_TIME,
            max_line_size=MAX_HEAD,
            max_field_size=MAX_HEAD,
            read_bufsize=READ_BYTES,
            auto_decompress=False,  # otherwise a kilobyte could become a megabyte before any check
        )
        self._max_msg_queue_size, self._msg_queue_resume_size = PIPELINED, PIPELINED - 1
        self.access_logger, self._logging_enabled = None, False
        self._guard = guard
        self._budget: Budget
        self._newest: StreamReader = EMPTY_PAYLOAD  # the body of the latest request
        self._head = 0  # bytes of a head that is not whole yet
        self._progress = 0  # bytes that came since the wheel was asked
        self._held = False  # not read: the budget is used up
        self._parses_on = False  # in the next turn
        self._rest, self._at = b"", 0  # what has come, and how far it is parsed
        self._is_waiting = False  # for its turn to parse it
        self._is_body = False  # what comes next is a body ...
        self._is_plain_body = False  # ... without chunks, which costs nothing to parse
        self._answer = 0  # bytes of a body that is kept until it is taken
        self._sender = ""  # the known sender of its requests, once one had to wait
        self._is_proxy = False  # one of our proxies, with requests of many clients
        self._peer = self._client = Client("", ())  # of the connection, and of its last request
        self.slot = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        address = peer[0] if peer else ""
        self._budget = Budget(self._guard.config, address)
        self._is_proxy = self._guard.config.trusted(address)
        self._peer = self._client = Client(address, self._guard.subjects(address))
        if not self._peer.subjects:
            self._budget.credit = inf
        super().connection_made(transport)
        share = self._guard.shares.enter(self._peer.subjects, ANSWER_WATER)
        cast("asyncio.Transport", transport).set_write_buffer_limits(high=share)
        self._guard.kept.enter(self._peer.subjects, self)

    async def start(self) -> None:
        """Serve it, unless it was lost in the turn in which it came: aiohttp would log a traceback."""
        if self._manager is not None:
            await super().start()

    def crowded_out(self) -> None:
        """Close: of its address, it is the least recently used connection, or the one with the most waiting bytes."""
        transport = self.transport
        is_unread = transport is not None and transport.get_write_buffer_size() > 0
        self._guard.config.limited("unread" if is_unread else "connections", self._client.address)
        self._leave()
        self.force_close()
        if transport is not None and is_unread:
            transport.abort()  # or the waiting bytes would be kept until the client reads them

    def _leave(self) -> None:
        """Release its places immediately, or other connections of its address would be closed instead."""
        self._rest = b""
        self._guard.kept.leave(self._peer.subjects, self)
        self._guard.held.put(self._client.subjects, self, 0)
        self._guard.unread.put(self._peer.subjects, self, 0)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._manager is not None:  # otherwise it was lost before: its connection belongs to a WebSocket now
            self._guard.shares.leave(self._peer.subjects)
        self._guard.wheel.cancel(self)
        self._leave()
        super().connection_lost(exc)
        # Else reference cycles, also of the body with its reader's error, would keep the bytes until garbage is collected.
        if not self._newest.is_eof():
            self._newest._buffer.clear()  # noqa: SLF001 - what is read of it raises that error
        self._newest = EMPTY_PAYLOAD

    def pause_writing(self) -> None:
        """Count an answer that the client does not read."""
        super().pause_writing()
        if self.transport is not None:
            waiting = max(self.transport.get_write_buffer_size(), self._answer)
            self._guard.unread.put(self._peer.subjects, self, min(waiting, ANSWER_HELD))

    def resume_writing(self) -> None:
        """The client has read it."""
        super().resume_writing()
        self._guard.unread.put(self._peer.subjects, self, 0)

    def data_received(self, data: bytes) -> None:
        """Parse a piece now and the rest in later turns; aiohttp calls this without data, to go on with what it has parsed."""
        if not data:
            self._parse(data)
            return
        self._guard.kept.renew(self._peer.subjects, self)
        self._progress += len(data)
        self._rest = self._rest[self._at :] + data if self._rest else data
        self._at = 0
        if self._may_parse():
            self._step()
        else:
            self._resume_transport_reading()  # in turn with all other connections that have data to parse

    @property
    def takes_more(self) -> bool:
        """Whether the connection may be read now."""
        return self.transport is not None and not self._is_paused

    def _may_parse(self) -> bool:
        """Whether to parse now: plain bodies cost nothing; heads wait behind others, as the first one did at the door."""
        if self._is_body:
            return self._is_plain_body
        return not self._request_count or self._guard.turns.pass_by(PARSE, self.turn)

    def work(self) -> float:
        """Parse the next piece; returns the units that it took."""
        self._is_waiting = False
        units = SLICE if self._is_body else PARSE
        self._step()
        return units

    def _step(self) -> None:
        if self.transport is None or self._is_paused:
            return
        size = BODY_PIECE if self._is_body and self._is_plain_body else PIECE
        piece = self._rest[self._at : self._at + size]
        self._at += size
        if self._at >= len(self._rest):
            self._rest, self._at = b"", 0
        self._parse(piece)
        self._resume_transport_reading()

    def _parse(self, data: bytes) -> None:
        before, was_body, had = self._request_count, not self._newest.is_eof(), self._newest.total_bytes
        super().data_received(data)
        came = self._request_count - before
        framing = 0.0
        if came:
            message, self._newest = self._messages[-1]
            self._know(getattr(message, "headers", {}))
            self._is_plain_body = not getattr(message, "chunked", False)
            self._head = 0
            self._guard.wheel.cancel(self)
        elif was_body:
            framing = len(data) - (self._newest.total_bytes - had)
        elif not self._upgraded and not self._is_paused:
            self._head += len(data)
        self._pay(came, max(framing, 0.0) / FRAMING)
        self._count()
        self._watch()

    def _know(self, headers: Mapping[str, str]) -> None:
        """Determine the client that the request of a parsed head is charged to."""
        if self._is_proxy:
            self._guard.held.put(self._client.subjects, self, 0)
            self._client = self._client_of(headers)

    def _client_of(self, headers: Mapping[str, str]) -> Client:
        lines = getattr(headers, "getall", lambda *_: None)(hdrs.X_FORWARDED_FOR, None)
        return self._guard.client(self._peer.address, None if lines is None else ",".join(lines))

    def _count(self) -> None:
        """Count for the address the bytes of an unfinished body, and those that are not parsed yet."""
        self._is_body = not self._newest.is_eof()
        body = min(self._newest.total_bytes, BODY_HELD) if self._is_body else 0
        if self.transport is not None:
            self._guard.held.put(self._client.subjects, self, body + len(self._rest))

    def _pay(self, requests: int, framing: float) -> None:
        """Charge the budget of the connection; framing also that of the address, which requests are charged to when served."""
        budget = self._budget
        budget.credit -= requests + framing
        wait = budget.refill() if budget.credit < 0.0 else 0.0
        if framing and self._guard.is_late(self._client, self._guard.traffic, cost=framing):
            wait = max(wait, self._guard.config.late)
        if wait > 0.0 and not self._held:
            budget.hold(wait)
            self._held = True
            self._pause_transport_reading()
            self._loop.call_later(wait, self._go_on)

    def _go_on(self) -> None:
        self._held = False
        self._resume_transport_reading()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Parse buffered data in the next turn of the loop: aiohttp would parse and read all of it in this one."""
        if not (self._reading_paused and resume_parser):
            super().resume_reading(resume_parser)
        elif not self._parses_on:
            self._parses_on = True
            self._loop.call_soon(self._parse_on)

    def _parse_on(self) -> None:
        self._parses_on = False
        if self.transport is not None:
            super().resume_reading()

    def _pause_transport_reading(self) -> None:
        self._progress = BODY_LEAST  # counts as progress: the client could not send
        super()._pause_transport_reading()

    def _resume_transport_reading(self) -> None:
        """Resume reading, if it is allowed and all received data is parsed."""
        if self._is_paused:
            return
        if not self._rest:
            super()._resume_transport_reading()
        elif self.transport is not None:
            self._is_waiting = True
            self._pause_transport_reading()
            self._guard.turns.add(self, NEW if self._is_body else self.turn)

    @property
    def _is_paused(self) -> bool:
        return self._held or self._is_waiting or self._reading_paused or self._buffer_paused

    def _watch(self) -> None:
        """Set the deadline of an unfinished head or body, if it has none yet."""
        if self._head > MAX_HEAD:
            self._end(HEADERS_TOO_LARGE)
        elif self._newest.is_eof() and not self._head:
            self._guard.wheel.cancel(self)
        elif not self.slot:
            self._progress = 0
            self._guard.wheel.schedule(self, HEAD_TIME if self._head else BODY_TIME)

    def due(self) -> None:
        """A head is too late; a body gets more time while it makes progress."""
        wheel = self._guard.wheel
        if not (self._head or wheel.is_over) and (self._is_paused or self._progress >= BODY_LEAST):
            self._progress = 0
            wheel.schedule(self, BODY_TIME)
        else:
            self._end(TOO_SLOW)

    @property
    def turn(self) -> str:
        """Its queue in `Turns`: a known sender has its own, and connections served before do not wait behind new ones."""
        return self._sender or (KNOWN if self._request_count > 1 else NEW)

    def unparsed(self) -> bytes:
        """Return received data that is not parsed."""
        return self._rest[self._at :]

    def _end(self, fault: Fault) -> None:
        """Close the connection, with an error response if none has begun."""
        request, transport = self._current_request, self.transport
        begun = self._waiter is None if request is None else request.writer.output_size > 0
        if transport is not None and not begun:
            transport.write(fault.answer())
        self.force_close()
