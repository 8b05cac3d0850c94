"""One Engine.IO session: its lifetime, its heartbeat, and its current transport."""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from core.limits.budget import Nested
from realtime.engine.limits.budget import Budget
from realtime.engine.transports.frames import (
    INTERNAL_ERROR,
    NORMAL,
    POLICY_VIOLATION,
    PROTOCOL_ERROR,
    binary_frame,
    text_frame,
)

if TYPE_CHECKING:
    from realtime.engine.engine import Engine

TRANSPORT_CLOSE, TRANSPORT_ERROR = "transport close", "transport error"
PARSE_ERROR, PING_TIMEOUT = "parse error", "ping timeout"
FORCED_CLOSE, SHUTTING_DOWN = "forced server close", "server shutting down"
TOO_MANY_REFUSALS = "too many refusals"
RECONNECT = "reconnect"  # the client should reconnect by itself

_PING = text_frame(b"2")
_log = logging.getLogger(__name__)


class Layer(Protocol):
    """The protocol on a session: Socket.IO, or any other in Engine.IO messages."""

    def message(self, data: str | bytes) -> None:
        """Handle a message: text, or binary."""

    def fell_behind(self) -> None:
        """The session is behind from now on."""

    def caught_up(self) -> None:
        """The session is no longer behind."""

    def closed(self, reason: str) -> None:
        """The session is over; called once, and nothing after it."""


class Transport(Protocol):
    """What carries a session: `WebSocket` or `Polling`."""

    name: str

    @property
    def writer(self) -> Callable[[bytes], None]:
        """The function that sends whole frames."""

    def close(self, reason: str, code: int, why: str = "") -> None:
        """Close it, after what was written."""


class Offer(Protocol):
    """A WebSocket that offers to take a session over: see upgrade.py."""

    def close(self, reason: str, code: int, why: str = "") -> None:
        """Withdraw it."""


class _Nobody:
    """The layer of a closed session, which releases the real one."""

    def message(self, data: str | bytes) -> None: ...
    def fell_behind(self) -> None: ...
    def caught_up(self) -> None: ...
    def closed(self, reason: str) -> None: ...


_NOBODY = _Nobody()


def _discard(frames: bytes) -> None:
    """Ignore writes after the end."""


class Session:
    """One Engine.IO session. Closes once; after that writes are ignored.

    `write(frames)` sends whole frames at once; what should share a write with others goes through `engine.outbox`.
    `behind`: the client does not read what it is sent, until `caught_up` of the layer is called. `stranger`: the subjects that
    the session counts for until it is `let_in`.
    """

    __slots__ = (
        "behind",
        "budget",
        "engine",
        "is_let_in",
        "layer",
        "max_payload",
        "pinged",
        "pings",
        "pongs",
        "probe",
        "remote",
        "sid",
        "slot",
        "stranger",
        "transport",
        "user_agent",
        "write",
    )

    layer: Layer
    transport: Transport
    write: Callable[[bytes], None]

    def __init__(
        self, engine: "Engine", sid: str, remote: str, user_agent: str, budget: Budget, stranger: Nested = ()
    ) -> None:
        self.engine = engine
        self.sid = sid
        self.remote = remote
        self.user_agent = user_agent
        self.budget = budget
        self.max_payload = engine.config.max_payload
        self.stranger = stranger
        self.is_let_in = False
        self.behind = False
        self.pinged = False
        self.pings, self.pongs = 0, 0
        self.slot = 0
        self.probe: Offer | None = None
        self.layer = _NOBODY

    def send(self, packet: bytes) -> None:
        """Send an Engine.IO text message, in one write with all of this loop turn."""
        self.engine.outbox.add(self, text_frame(b"4" + packet))

    def send_binary(self, message: bytes) -> None:
        """Send an Engine.IO binary message, in one write with all of this loop turn."""
        self.engine.outbox.add(self, binary_frame(message))

    def close(self, reason: str, code: int = NORMAL, why: str = "") -> None:
        """Close the session; what was written before still goes out. `why` is sent to the client, for its developer."""
        if self.engine.sessions.pop(self.sid, None) is None:
            return
        self._no_stranger()
        self.engine.wheel.cancel(self)
        self.engine.slow.discard(self)
        self.pinged = False
        self.engine.outbox.settle(self)
        self.write = _discard
        self.transport.close(reason, code, why)
        if self.probe is not None:
            self.probe.close(reason, code, why)
        layer, self.layer = self.layer, _NOBODY
        try:
            layer.closed(reason)
        except Exception:
            _log.exception("a layer failed to close")

    def let_in(self) -> None:
        """Stop counting it for its address: it has joined a namespace."""
        if not self.is_let_in:
            self.is_let_in = True
            self.budget.turn = self.sid
            self.engine.guard.let_in(self.stranger)
            self._no_stranger()

    def _no_stranger(self) -> None:
        self.engine.guard.strangers.leave(self.stranger, self)
        self.stranger = ()

    def crowded_out(self) -> None:
        """Close: its address has newer sessions, and it has not joined any namespace."""
        self.engine.config.limited("sessions", self.remote)
        self.close(FORCED_CLOSE, POLICY_VIOLATION, "This address has too many sessions that joined no namespace")

    def count_refusal(self, cost: float = 1.0) -> None:
        """Count a refusal; after too many the session closes, behind the answers of this turn."""
        if not self.budget.refuse(cost):
            why = "Too much was refused to this client: see the errors that it got"
            asyncio.get_running_loop().call_soon(self.close, TOO_MANY_REFUSALS, POLICY_VIOLATION, why)

    def receive(self, packet: str) -> None:
        """Handle a text packet of the transport."""
        kind = packet[:1]
        if kind == "4":
            self.deliver(packet[1:])
        elif kind == "3":
            self._pong()
        elif kind == "1":
            self.close(TRANSPORT_CLOSE)
        elif kind != "6":
            self.close(PARSE_ERROR, PROTOCOL_ERROR, "Unknown type of an Engine.IO packet")

    def ping(self) -> int:
        """Send an extra ping, in one write with all of this turn; return the value of `pongs` once it is answered."""
        self.pings += 1
        self.engine.outbox.add(self, _PING)
        return self.pings

    def _pong(self) -> None:
        self.pongs = min(self.pongs + 1, self.pings)
        if self.pinged:  # an unsolicited pong does not delay the next ping
            self.pinged = False
            self.budget.heard_pong()
            self.engine.wheel.schedule(self, self.engine.config.ping_interval)

    def deliver(self, message: str | bytes) -> None:
        """Pass a message to the layer; an error there closes this session only."""
        try:
            self.layer.message(message)
        except Exception:
            _log.exception("a layer failed on a message")
            self.close(TRANSPORT_ERROR, INTERNAL_ERROR, "Something failed here")

    def due(self) -> None:
        """Send a ping, or close the session: a ping was not answered in time."""
        if not self.pinged:
            self.pinged = True
            self.pings += 1
            self.write(_PING)
        elif not self.budget.excuses_silence():
            self.close(PING_TIMEOUT, why="No pong came in time")
            return
        self.engine.wheel.schedule(self, self.engine.config.ping_timeout)

    def fall_behind(self) -> None:
        """The client does not read what it is sent."""
        if not self.behind:
            self.behind = True
            if self.sid in self.engine.sessions:  # not while it closes
                self.engine.slow.add(self)
                self.write = self.transport.writer
            self._notify(self.layer.fell_behind)

    def catch_up(self) -> None:
        """The client has read what it was sent."""
        self.behind = False
        self.engine.slow.discard(self)
        if self.sid in self.engine.sessions:
            self.write = self.transport.writer
        self._notify(self.layer.caught_up)

    def _notify(self, notify: Callable[[], None]) -> None:
        try:
            notify()
        except Exception:
            _log.exception("a layer failed on a slow client")
            self.close(TRANSPORT_ERROR, INTERNAL_ERROR, "Something failed here")
