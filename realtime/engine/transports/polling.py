"""HTTP long-polling: the transport of a session until it has a WebSocket, or for all of its lifetime."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Final

from realtime.engine.http.handshake import BAD_REQUEST, TOO_LARGE, TOO_SLOW, Refused
from realtime.engine.limits.budget import CONNECT_REFUSED, SLICE, UNIT
from realtime.engine.limits.guard import LEAST_HELD
from realtime.engine.session import (
    PARSE_ERROR,
    PING_TIMEOUT,
    RECONNECT,
    SHUTTING_DOWN,
    TOO_MANY_REFUSALS,
    TRANSPORT_CLOSE,
    TRANSPORT_ERROR,
    Session,
)
from realtime.engine.socketio.packets import BLANK
from realtime.engine.transports.frames import TEXT, unwrap
from realtime.engine.transports.websocket import CLOSE_TIME, HIGH_WATER, OVERFLOW

POST_TIME: Final = 60.0  # seconds for all of a payload; without a pong the session ends before
# Official clients send all they have in one payload of up to max_payload bytes, but never thousands of packets.
MAX_PACKETS: Final = 10_000
SEPARATOR: Final = "\x1e"
_SEPARATOR_BYTE: Final = b"\x1e"
_CLOSE, _NOOP = "1", "6"
_UPGRADED: Final = "upgraded"
# After these the client reconnects.
_RECONNECTING: Final = (SHUTTING_DOWN, RECONNECT)
_WITHOUT_CLOSE: Final = (TRANSPORT_CLOSE, _UPGRADED, *_RECONNECTING)
_ABRUPT: Final = (TRANSPORT_CLOSE, TRANSPORT_ERROR, PARSE_ERROR, PING_TIMEOUT, TOO_MANY_REFUSALS)
_REFUSED: Final = (PARSE_ERROR, TOO_MANY_REFUSALS)


def encode_payload(frames: bytes) -> list[str]:
    """The packets within joined frames, in the form of polling: text as it is, binary in base64."""
    return [
        data.decode() if opcode == TEXT else f"b{b64encode(data).decode()}"
        for opcode, data in unwrap(frames)
    ]  # fmt: skip


def _packets(body: bytes) -> Iterator[str]:
    """The packets of a payload, one after the other: they wait for credit as one text. A malformed one if it is no text."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = ""
    at = 0
    while (end := text.find(SEPARATOR, at)) >= 0:
        yield text[at:end]
        at = end + 1
    yield text[at:]


class Polling:
    """Buffers frames until a poll fetches them."""

    __slots__ = (
        "_deadline",
        "_frames",
        "_size",
        "_waiter",
        "_wake",
        "ended",
        "posting",
        "session",
        "slot",
        "upgrading",
        "why",
    )
    name = "polling"

    def __init__(self, session: Session) -> None:
        self.session = session
        self.posting = False
        self.slot = 0
        self.upgrading = False  # polls are answered immediately, so that the client can stop polling
        self.ended = ""  # why, once polling is over ...
        self.why = ""  # ... and in words for a developer
        self._frames: list[bytes] = []
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self._wake = asyncio.Event()  # what waits for credit, or for a client that does not poll, looks again
        self._deadline: asyncio.Timeout | None = None  # of the payload that is read now

    @property
    def writer(self) -> Callable[[bytes], None]:
        """The function that sends frames."""
        return self.write

    def write(self, frames: bytes) -> None:
        """Keep whole frames for the poll that waits, or for the next."""
        self._frames.append(frames)
        self._count(self._size + len(frames))
        self._answer()
        if self._size > OVERFLOW:
            self.session.close(TRANSPORT_ERROR)
        elif self._size > HIGH_WATER:
            self.session.fall_behind()

    def _count(self, size: int) -> None:
        """Count for the address the bytes that wait to be fetched."""
        before, self._size = self._size, size
        if size >= LEAST_HELD or before >= LEAST_HELD:
            guard = self.session.engine.guard
            guard.unread.put(guard.subjects(self.session.remote), self, size)

    def hold(self, size: int) -> None:
        """Count for the address the bytes of a payload until all of it is processed."""
        guard = self.session.engine.guard
        guard.held.put(guard.subjects(self.session.remote), self, size)

    def crowded_out(self) -> None:
        """Close: of all clients of its address, this one has the most waiting bytes."""
        self.session.engine.config.limited("unread" if self._size >= LEAST_HELD else "unfinished", self.session.remote)
        self._forget()
        self.session.close(TRANSPORT_ERROR)

    def _forget(self) -> None:
        self._frames = []
        self._count(0)

    def close(self, reason: str, code: int, why: str = "") -> None:  # noqa: ARG002 - close codes belong to WebSockets
        """Answer the poll that waits.

        A client that did nothing wrong may fetch the last packets, and then the close packet: in one payload the official client
        would act on the second first. A client that should reconnect gets no close packet: after one the official Python client
        stays disconnected, but after "unknown session" it reconnects.
        """
        self.why = why
        self._end(reason)
        if reason not in _ABRUPT and (self._frames or self._waiter is None):
            self.session.engine.unfetched[self.session.sid] = self.session
            self.session.engine.wheel.schedule(self, CLOSE_TIME)
        elif self._waiter is None:
            self._forget()  # it cannot be fetched any more
        self._answer()

    def _end(self, reason: str) -> None:
        self.ended = reason
        self._wake.set()
        if self._deadline is not None:
            self._deadline.reschedule(0.0)

    def due(self) -> None:
        """The client has fetched the end, or its time for that is over."""
        self.session.engine.wheel.cancel(self)
        self.session.engine.unfetched.pop(self.session.sid, None)
        self._forget()

    def upgrade(self) -> None:
        """Answer the waiting poll now, and later ones immediately."""
        self.upgrading = True
        self._answer()

    def retire(self) -> bytes:
        """End polling for a WebSocket; returns the frames that it must carry."""
        frames = b"".join(self._frames)
        self._forget()
        self._end(_UPGRADED)
        self._answer()
        return frames

    async def ready(self) -> bool:
        """Wait until there is something to send; False if another poll waits already, which closes the session."""
        if self._waiter is not None:
            self.session.close(TRANSPORT_ERROR)
            return False
        if not (self._frames or self.upgrading or self.ended):
            await self._wait()
        return True

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _answer(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take(self) -> str:
        """The payload of all that waits."""
        packets = encode_payload(b"".join(self._frames))
        self._forget()
        if not packets:
            packets = [self._empty()]
        elif self.session.behind:
            self.session.catch_up()
            self._wake.set()
        if self.ended in _RECONNECTING:
            self.due()
        return SEPARATOR.join(packets)

    def _empty(self) -> str:
        """The packet to answer with when there is nothing to send."""
        if not self.ended or self.ended in _WITHOUT_CLOSE:
            return _NOOP
        self.due()
        return _CLOSE

    async def pay(self, units: float) -> None:
        """Wait for credit, then take units of the session's budget."""
        budget = self.session.budget
        while budget.credit < 1.0 and (wait := budget.refill()) > 0.0 and not self.ended:
            budget.hold(wait)
            await self._sleep(wait)
        budget.credit -= units

    async def _sleep(self, seconds: float | None = None) -> None:
        """Wait, but not beyond the end, or once the frames have been fetched."""
        if not self.ended:
            self._wake.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    async def _until_it_polls(self) -> None:
        """Wait while the client is behind, or the answers to its events would pile up; a WebSocket is not read then either."""
        while self.session.behind and not self.ended:
            await self._sleep()

    async def read(self, body: Awaitable[bytes]) -> bytes:
        """Wait for a payload. Raises Refused if it does not come in time, or if the session is over before."""
        try:
            async with asyncio.timeout(POST_TIME) as self._deadline:
                return await body
        except TimeoutError:
            raise Refused(*((BAD_REQUEST, 400) if self.ended else (TOO_SLOW, 408))) from None
        finally:
            self._deadline = None

    async def feed(self, body: bytes) -> bool:
        """Pass the packets of a POST to the session, a slice per turn and no faster than its budget allows.

        Returns False if the session ended by what was in it. Raises Refused, before it looks at any, if there are too many.
        """
        spent = 0.0
        if body.count(_SEPARATOR_BYTE) >= MAX_PACKETS:
            self.session.count_refusal(CONNECT_REFUSED)
            raise Refused(TOO_LARGE, 413)
        for packet in _packets(body):
            units = 1.0 + len(packet) // UNIT
            spent += units
            if spent > SLICE:
                spent = units
                await asyncio.sleep(0)
            await self._until_it_polls()
            await self.pay(units)
            if self.ended:
                break
            self._feed_packet(packet)
        return self.ended not in _REFUSED

    def _feed_packet(self, packet: str) -> None:
        if packet.startswith("b"):
            self._feed_binary(packet)
        else:
            self.session.receive(packet)

    def _feed_binary(self, packet: str) -> None:
        try:
            message = b64decode(packet[1:].rstrip(BLANK), validate=True)
        except ValueError:
            self.session.close(PARSE_ERROR, why="A packet that begins with b is base64")
        else:
            self.session.deliver(message)
