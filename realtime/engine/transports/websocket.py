"""The WebSocket that carries a session."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from core.limits.budget import Nested
from realtime.engine.limits.budget import SEGMENT, SLICE, UNIT, Budget
from realtime.engine.limits.guard import LEAST_HELD
from realtime.engine.session import TRANSPORT_CLOSE, TRANSPORT_ERROR
from realtime.engine.transports.frames import (
    CLOSE,
    CONTINUATION,
    FIN,
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
    too_big,
    websocket_mask,
)

if TYPE_CHECKING:
    from realtime.engine.engine import Engine

# Bytes that may wait for a client before it is behind; fewer if its address has very many connections.
HIGH_WATER: Final = 256 * 1024
OVERFLOW: Final = 16 * HIGH_WATER  # bytes that may wait for a client that is behind
CLOSE_TIME: Final = 5.0  # seconds that a peer has to read our close frame and hang up
GRACE: Final = 64 * 1024  # bytes that it may still send then; the rest is not read
UNFINISHED: Final = "This address has begun more than it may without finishing it"


class Taker(Protocol):
    """Receives the packets of a WebSocket: a `Session`, or the `Probe` that offers to take one over."""

    max_payload: int  # bytes of one message

    def receive(self, packet: str) -> None:
        """Handle a text packet."""

    def deliver(self, message: bytes) -> None:
        """Handle a binary message."""

    def fall_behind(self) -> None:
        """The peer does not read."""

    def catch_up(self) -> None:
        """The peer reads again."""

    def close(self, reason: str, code: int, why: str = "") -> None:
        """The peer left or broke the protocol: close the WebSocket with `code`, and say why."""


# Why a peer is not read: it does not read itself; it waits for its turn; its budget is used up.
_PEER, _TURN, _RATE = 1, 2, 4


class WebSocket(asyncio.Protocol):
    """Reads frames and passes their packets to its taker; `transport` is the asyncio one.

    Frames beyond what a turn or the budget allows stay in the tail, and the peer is not read until they are processed.
    """

    __slots__ = (
        "_fragments",
        "_held",
        "_need",
        "_opcode",
        "_paused",
        "_tail",
        "budget",
        "closing",
        "engine",
        "slot",
        "taker",
        "transport",
    )
    name = "websocket"
    taker: Taker

    def __init__(self, engine: "Engine", transport: asyncio.Transport, budget: Budget) -> None:
        self.engine = engine
        self.transport = transport
        self.budget = budget
        self.closing = False
        self.slot = 0
        self._paused = 0
        self._held = 0  # bytes that its address was counted for
        self._tail: bytearray | None = None  # frames that wait for their turn, or one that is not whole yet ...
        self._need = (
            SHORTEST  # ... and how many bytes it must have for another look; once closing, what is left of GRACE
        )
        self._fragments: bytearray | None = None  # a message that is not whole yet ...
        self._opcode = CONTINUATION  # ... and its kind
        guard = engine.guard
        transport.set_write_buffer_limits(high=guard.shares.enter(guard.subjects(budget.address), HIGH_WATER))

    def data_received(self, data: bytes) -> None:
        """Handle the usual case, one short text frame, without the general parser."""
        size, budget = len(data), self.budget
        if (
            6 <= size < 132
            and data[0] == FIN | TEXT
            and data[1] == size + 122
            and budget.credit >= 1.0
            and self._between_messages()
        ):
            budget.credit -= 1.0
            payload = bytearray(data[6:])
            websocket_mask(data[2:6], payload)
            try:
                packet = decode_text(payload)
            except BrokenFrame as broken:
                self._fail(broken)
            else:
                self.taker.receive(packet)
        elif self.closing:
            self._ignore(size)
        else:
            self._feed(data)

    @property
    def turn(self) -> str:
        """Its queue in `Turns`: its own, once it is let in."""
        return self.budget.turn

    @property
    def takes_more(self) -> bool:
        """Whether the peer may be read now; once closing, whether it is still within GRACE."""
        return self._need >= 0 if self.closing else not self._paused

    def _between_messages(self) -> bool:
        return self._tail is None and self._fragments is None and not self.closing

    def _ignore(self, size: int) -> None:
        """Let the peer finish what it was sending when we closed, up to a limit.

        It receives our close frame even while it is not read.
        """
        self._need -= size
        if self._need < 0:
            self.transport.pause_reading()

    def _feed(self, data: bytes) -> None:
        if self._tail is None:
            self._tail = bytearray(data)
        else:
            self._tail += data
        if not self._paused and not self.work():
            self.budget.credit -= SEGMENT

    def work(self) -> float:
        """Process waiting frames, as many as a turn and the budget allow; return the units spent."""
        self._paused &= ~_TURN
        if self.closing or self._paused:
            return 0.0
        if self._tail is None:
            self.transport.resume_reading()
            return 0.0
        try:
            return self._work_off(self._tail)
        except BrokenFrame as broken:
            self._fail(broken)
            return SLICE

    def _work_off(self, tail: bytearray) -> float:
        spent, at, budget = 0.0, 0, self.budget
        while spent < SLICE and len(tail) - at >= self._need and not (self._paused or self.closing):
            if budget.credit < 1.0 and budget.refill() > 0.0:
                break
            frame = read_frame(tail, at, self.taker.max_payload)
            if isinstance(frame, int):
                self._need = frame
                continue
            first, payload, at = frame
            units = 1.0 + len(payload) // UNIT
            budget.credit -= units
            spent += units
            self._need = SHORTEST
            self._take(first, payload)
        if not self.closing:
            del tail[:at]  # in place: a frame of many small segments must not cost the square of its size
            self._tail = tail or None
            self._count(len(tail) + len(self._fragments or b""))
        if not self.closing:
            self._go_on(is_more=len(tail) >= self._need)
        return spent

    def _count(self, held: int) -> None:
        """Count the bytes of unfinished messages for the address, in steps of LEAST_HELD."""
        if held - self._held >= LEAST_HELD or held < self._held:
            self._held = held if held >= LEAST_HELD else 0
            self.engine.guard.held.put(self._subjects(), self, self._held)

    def _subjects(self) -> Nested:
        return self.engine.guard.subjects(self.budget.address)

    def write(self, frames: bytes) -> None:
        """Send to a peer that does not read, and bound the bytes that wait for it."""
        self.transport.write(frames)
        self._count_unread()
        if self.transport.get_write_buffer_size() > OVERFLOW and not self.closing:
            self.crowded_out()

    @property
    def writer(self) -> Callable[[bytes], None]:
        """The function that sends frames: the transport's own while the peer reads."""
        return self.write if self._paused & _PEER else self.transport.write

    def _count_unread(self) -> None:
        self.engine.guard.unread.put(self._subjects(), self, self.transport.get_write_buffer_size())

    def crowded_out(self) -> None:
        """Close: its address has too many unfinished or unread bytes, and this connection has the most of them."""
        is_unread = bool(self._paused & _PEER)
        self.engine.config.limited("unread" if is_unread else "unfinished", self.budget.address)
        self._fail(BrokenFrame(TOO_BIG, "Too much waits for this address" if is_unread else UNFINISHED))
        if is_unread:
            self.transport.abort()  # or the waiting bytes would be kept for all of the closing handshake

    def _go_on(self, *, is_more: bool) -> None:
        """Resume reading, or process the tail in a later turn or when there is credit again."""
        wait = self.budget.refill() if self.budget.credit < (1.0 if is_more else 0.0) else 0.0
        if wait > 0.0:
            self.budget.hold(wait)
            self._pause(_RATE)
            asyncio.get_running_loop().call_later(wait, self._resume, _RATE)
        elif is_more and not self._paused:
            self._pause(_TURN)
            self.engine.turns.add(self, self.turn)
        elif not self._paused:
            self.transport.resume_reading()

    def _pause(self, why: int) -> None:
        if not self._paused:
            self.transport.pause_reading()
        self._paused |= why

    def _resume(self, why: int) -> None:
        """Remove a reason not to read; after the last one, continue in turn."""
        self._paused &= ~why
        if not self._paused and not self.closing:
            self._paused = _TURN
            self.engine.turns.add(self, self.turn)

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
            raise BrokenFrame(PROTOCOL_ERROR, "A fragment is out of place")
        if self._fragments is None:
            self._fragments, self._opcode = payload, opcode
        else:
            self._fragments += payload
        if len(self._fragments) > self.taker.max_payload:
            raise too_big(self.taker.max_payload)
        if first & FIN:
            message, self._fragments = self._fragments, None
            if self._opcode == TEXT:
                self.taker.receive(decode_text(message))
            else:
                self.taker.deliver(bytes(message))

    def _fail(self, broken: BrokenFrame) -> None:
        self.taker.close(TRANSPORT_ERROR, broken.code, broken.why)

    def pause_writing(self) -> None:
        """The peer reads too slowly: until it has caught up it is not read either, or answers would pile up."""
        if not self.closing:
            self._pause(_PEER)
            self._count_unread()
        self.taker.fall_behind()

    def resume_writing(self) -> None:
        """The peer has caught up."""
        if not self.closing:
            self.engine.guard.unread.put(self._subjects(), self, 0)
            self._resume(_PEER)
            self.taker.catch_up()

    def close(self, reason: str, code: int, why: str = "") -> None:
        """Send a close frame, then wait for the peer to hang up: it may still be writing, and a reset would lose the frame."""
        if self.closing:
            return
        self.closing = True
        self._tail = self._fragments = None
        self._need = GRACE
        self._count(0)
        if not self.transport.is_closing():
            self.transport.write(self._closing_frame(reason, code, why))
            with suppress(OSError):  # reset by the peer; the loop has not reported it yet
                self.transport.write_eof()
            self.transport.resume_reading()  # to see the peer hang up
            self.engine.wheel.schedule(self, CLOSE_TIME)
            self.engine.leaving(self)

    def _closing_frame(self, reason: str, code: int, why: str) -> bytes:
        if reason == TRANSPORT_CLOSE:  # it has closed first
            return close_frame(code)
        self.engine.count_close(code)
        return close_frame(code, why or reason)

    def due(self) -> None:
        """The peer did not hang up."""
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, ended by either side."""
        self.closing = True
        self._count(0)
        subjects = self._subjects()
        self.engine.guard.shares.leave(subjects)
        if self._paused & _PEER:
            self.engine.guard.unread.put(subjects, self, 0)
        self.engine.wheel.cancel(self)
        self.engine.left(self)
        self.taker.close(TRANSPORT_ERROR if exc else TRANSPORT_CLOSE, 0)
        del self.taker  # breaks a cycle with the session
