"""The WebSocket that carries a session."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from realtime.engine.frames import (
    CLOSE,
    CONTINUATION,
    FIN,
    INVALID_TEXT,
    OPCODE,
    PING,
    PROTOCOL_ERROR,
    SHORTEST,
    TEXT,
    TOO_BIG,
    BrokenFrame,
    check_close,
    close_frame,
    decode_text,
    pong_frame,
    read_frame,
    websocket_mask,
)
from realtime.engine.session import TRANSPORT_CLOSE, TRANSPORT_ERROR

if TYPE_CHECKING:
    from realtime.engine.server import Engine

HIGH_WATER: Final = 256 * 1024  # bytes waiting for a client from which on it is behind
FAREWELL: Final = 5.0  # seconds a peer has to take our last words and hang up


class Taker(Protocol):
    """Who gets what a WebSocket brings: a `Session`, or the `Probe` that offers to take one over."""

    def receive(self, packet: str) -> None:
        """A text packet."""

    def deliver(self, message: bytes) -> None:
        """A binary message."""

    def fall_behind(self) -> None:
        """The peer does not read."""

    def catch_up(self) -> None:
        """The peer reads again."""

    def close(self, reason: str, code: int) -> None:
        """The peer left or broke the protocol: close the WebSocket with `code`."""


class WebSocket(asyncio.Protocol):
    """Reads frames and gives their packets to its taker; `transport` is the asyncio one."""

    __slots__ = ("_fragments", "_need", "_opcode", "_tail", "closing", "engine", "slot", "taker", "transport")
    name = "websocket"
    taker: Taker

    def __init__(self, engine: "Engine", transport: asyncio.Transport) -> None:
        self.engine = engine
        self.transport = transport
        self.closing = False
        self.slot = 0
        self._tail: bytearray | None = None  # a frame that is not whole yet ...
        self._need = SHORTEST  # ... and how many bytes it must have before it is worth another look
        self._fragments: bytearray | None = None  # a message that is not whole yet ...
        self._opcode = CONTINUATION  # ... and its kind
        transport.set_write_buffer_limits(high=HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        """Take what is nearly always read, one short text frame, without the general parser."""
        size = len(data)
        if 6 <= size < 132 and data[0] == FIN | TEXT and data[1] == size + 122 and self._between_messages():
            payload = bytearray(data[6:])
            websocket_mask(data[2:6], payload)
            try:
                packet = payload.decode()
            except UnicodeDecodeError:
                self._fail(INVALID_TEXT)
            else:
                self.taker.receive(packet)
        elif not self.closing:
            self._feed(data)

    def _between_messages(self) -> bool:
        return self._tail is None and self._fragments is None and not self.closing

    def _feed(self, data: bytes) -> None:
        tail = self._tail
        if tail is not None:
            tail += data
        try:
            read = self._read_frames(data if tail is None else tail)
        except BrokenFrame as broken:
            self._fail(broken.code)
            return
        if self.closing:
            return
        if tail is None:
            tail = bytearray(data[read:])
        else:
            del tail[:read]  # not copied: a frame of many small segments must not cost the square of its size
        self._tail = tail or None

    def _read_frames(self, buffer: bytes | bytearray) -> int:
        """Take the whole frames of `buffer`; returns how many bytes they are."""
        at = 0
        while len(buffer) - at >= self._need and not self.closing:
            frame = read_frame(buffer, at, self.engine.config.max_payload)
            if isinstance(frame, int):
                self._need = frame
            else:
                first, payload, at = frame
                self._need = SHORTEST
                self._take(first, payload)
        return at

    def _take(self, first: int, payload: bytearray) -> None:
        opcode = first & OPCODE
        if opcode == CLOSE:
            self.taker.close(TRANSPORT_CLOSE, check_close(payload))
        elif opcode == PING:
            self.transport.write(pong_frame(payload))
        elif opcode < CLOSE:
            self._take_data(first, opcode, payload)

    def _take_data(self, first: int, opcode: int, payload: bytearray) -> None:
        if (opcode == CONTINUATION) != (self._fragments is not None):
            raise BrokenFrame(PROTOCOL_ERROR, "a fragment out of place")
        if self._fragments is None:
            self._fragments, self._opcode = payload, opcode
        else:
            self._fragments += payload
        if len(self._fragments) > self.engine.config.max_payload:
            raise BrokenFrame(TOO_BIG, "message too big")
        if first & FIN:
            message, self._fragments = self._fragments, None
            if self._opcode == TEXT:
                self.taker.receive(decode_text(message))
            else:
                self.taker.deliver(bytes(message))

    def _fail(self, code: int) -> None:
        self.taker.close(TRANSPORT_ERROR, code)

    def pause_writing(self) -> None:
        """The peer reads too slowly: until it has caught up its own requests wait too, or their answers pile up."""
        self.taker.fall_behind()
        if not self.closing:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """The peer has caught up."""
        if not self.closing:
            self.transport.resume_reading()
            self.taker.catch_up()

    def close(self, reason: str, code: int) -> None:  # noqa: ARG002 - the peer hears the code only
        """Say goodbye, then wait for the peer to hang up: it may still be writing, and a reset would lose our words."""
        if self.closing:
            return
        self.closing = True
        self._tail = self._fragments = None
        if not self.transport.is_closing():
            self.transport.write(close_frame(code))
            with suppress(OSError):  # reset by the peer, which the loop has yet to tell us
                self.transport.write_eof()
            self.engine.wheel.schedule(self, FAREWELL)
            self.engine.leaving(self)

    def due(self) -> None:
        """The peer did not hang up."""
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, whoever ended it."""
        self.closing = True
        self.engine.wheel.cancel(self)
        self.engine.left(self)
        self.taker.close(TRANSPORT_ERROR if exc else TRANSPORT_CLOSE, 0)
        del self.taker  # a cycle with the session that would wait for the garbage collector
