"""Socket.IO on a session: its namespaces, with a `Socket` of the application for each one that the client joins."""

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from realtime.engine.limits.budget import CONNECT_REFUSED
from realtime.engine.session import FORCED_CLOSE, PARSE_ERROR, Layer, Session
from realtime.engine.socketio import packets, parsers
from realtime.engine.socketio.packets import (
    ACK,
    BINARY_ACK,
    BINARY_EVENT,
    CONNECT,
    DISCONNECT,
    EVENT,
    MalformedPacket,
    Packet,
)
from realtime.engine.transports.frames import POLICY_VIOLATION, PROTOCOL_ERROR, TOO_BIG, UNSUPPORTED
from realtime.engine.transports.websocket import UNFINISHED

MAX_CONNECT_BYTES: Final = 16 * 1024  # bytes of a message of a client that is in no namespace yet: room for its token
MAX_NAMESPACES: Final = 16  # of one client
MAX_ATTACHMENTS: Final = 32  # of one packet; their bytes together are bound by max_payload
CLIENT_LEFT, SERVER_LEFT = "client namespace disconnect", "server namespace disconnect"

_KNOCKING, _JOINED, _GONE = range(3)
_log = logging.getLogger(__name__)


class Socket:
    """One client in one namespace; the application subclasses it.

    `on_connect` is called first and leads, now or later, to one `accept` or `refuse`; no other method is called before that.
    `on_disconnect` is called once and last, also when the client goes before the decision, but not after `refuse`. The first
    decision counts, and what is sent to a socket that is gone is ignored.
    """

    __slots__ = ("id", "layer", "namespace", "session", "state")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.id = secrets.token_urlsafe(15)
        self.state = _KNOCKING
        self.layer: SocketIO
        self.namespace: str

    def on_connect(self, auth: bytes) -> None:  # noqa: ARG002
        """The client asks to join; `auth` is a JSON object."""
        self.accept()

    def on_event(self, name: str, args: bytes, attachments: Sequence[bytes], ack: int | None) -> None:
        """An event: `args` is its JSON array, `name` first; `ack` the number to answer to, if an answer is wanted."""

    def on_ack(self, id: int, args: bytes, attachments: Sequence[bytes]) -> None:
        """The answer to our event with this number; `args` is its JSON array."""

    def on_disconnect(self, reason: str) -> None:
        """The client is gone."""

    def on_behind(self) -> None:
        """`session.behind` begins: the client does not read what it is sent."""

    def on_caught_up(self) -> None:
        """`session.behind` is over."""

    @property
    def is_joined(self) -> bool:
        """Whether the client is in the namespace."""
        return self.state == _JOINED

    def accept(self, **extra: object) -> None:
        """Admit the client; `extra` goes into the answer beside `sid`."""
        if self.state == _KNOCKING:
            self.state = _JOINED
            self.layer.has_joined()
            self.emit_raw(packets.connect(self.id, self.namespace, **extra))

    def refuse(self, message: str, data: object = None, *, is_counted: bool = True) -> None:
        """Refuse the client in this namespace; the session stays, for other namespaces or another try.

        `is_counted`: too many of these close the session.
        """
        if self.state == _KNOCKING:
            self.layer.leave(self)
            self.layer.refuse_connect(packets.connect_error(message, data, self.namespace), is_counted=is_counted)

    def emit(self, name: str, *args: object, ack: int | None = None) -> None:
        """Send an event; with `ack` the client's answer comes to `on_ack` under that number."""
        self.emit_raw(packets.event(name, *args, ack=ack, namespace=self.namespace))

    def emit_raw(self, frames: bytes) -> None:
        """Send whole frames, in one write with all of this loop turn."""
        if self.state == _JOINED:
            self.session.engine.outbox.add(self.session, frames)

    def ack(self, id: int, *args: object) -> None:
        """Answer the client's event."""
        self.emit_raw(packets.ack_frame(id, *args, namespace=self.namespace))

    def disconnect(self, close: bool = False) -> None:
        """Disconnect the client from this namespace, or with `close` from all, and close its session."""
        if close:
            self.layer.disconnect()
        elif self.state != _GONE:
            self.emit_raw(packets.disconnect(self.namespace))
            self.layer.leave(self, SERVER_LEFT)


class SocketIO:
    """The layer that speaks Socket.IO.

    A namespace that the server has left stays known as None: packets that crossed our DISCONNECT are no error.
    """

    __slots__ = ("_gathered", "_gathering", "_namespaces", "_session", "_sockets", "slot")

    def __init__(self, session: Session, namespaces: Mapping[str, Callable[[Session], Socket]]) -> None:
        self._session = session
        self._namespaces = namespaces
        self._sockets: dict[str, Socket | None] = {}
        self._gathering: tuple[Packet, list[bytes]] | None = None
        self._gathered = 0  # bytes of a packet that lacks attachments
        self.slot = 0
        session.max_payload = min(MAX_CONNECT_BYTES, session.max_payload)
        session.engine.wheel.schedule(self, session.engine.config.connect_timeout)

    def due(self) -> None:
        """The client has not joined any namespace in time."""
        seconds = self._session.engine.config.connect_timeout
        self._session.close(
            FORCED_CLOSE, POLICY_VIOLATION, f"No namespace was joined in {seconds:g} seconds: send CONNECT"
        )

    @property
    def sockets(self) -> list[Socket]:
        """All sockets that have joined a namespace or ask to."""
        return [socket for socket in self._sockets.values() if socket is not None]

    def has_joined(self) -> None:
        """The client is in a namespace."""
        self._session.engine.wheel.cancel(self)
        self._session.let_in()
        self._session.max_payload = self._session.engine.config.max_payload

    def message(self, data: str | bytes) -> None:
        """Handle a packet, or an attachment of one."""
        try:
            if isinstance(data, bytes):
                self._attach(data)
            elif self._gathering is not None:
                raise MalformedPacket("Attachments are missing: text came instead")
            else:
                packet = packets.decode(data)
                if packet.attachments:
                    self._gather(packet)
                else:
                    self._dispatch(packet, ())
        except MalformedPacket as malformed:
            if not self._sockets and (refusal := parsers.refusal(data)):
                self.refuse_connect(refusal)
            else:
                self._session.close(PARSE_ERROR, malformed.code, malformed.why)

    def _gather(self, packet: Packet) -> None:
        if packet.attachments > MAX_ATTACHMENTS:
            raise MalformedPacket(f"A packet may have up to {MAX_ATTACHMENTS} attachments", TOO_BIG)
        self._gathering = packet, []

    def _attach(self, data: bytes) -> None:
        if self._gathering is None:
            raise MalformedPacket(
                "Binary data that no packet announced: this server speaks Socket.IO's default parser", UNSUPPORTED
            )
        packet, attachments = self._gathering
        attachments.append(data)
        if self._gathered + len(data) > (limit := self._session.engine.config.max_payload):
            raise MalformedPacket(f"The attachments of a packet may have up to {limit} bytes", TOO_BIG)
        if len(attachments) == packet.attachments:
            self._forget_gathered()
            self._dispatch(packet, attachments)
        else:
            self._count(self._gathered + len(data))

    def _forget_gathered(self) -> None:
        self._gathering = None
        if self._gathered:
            self._count(0)

    def _count(self, gathered: int) -> None:
        """Count for the address the bytes of a packet until its last attachment has come."""
        self._gathered = gathered
        guard = self._session.engine.guard
        guard.held.put(guard.subjects(self._session.remote), self, gathered)

    def crowded_out(self) -> None:
        """Close: its address has too many unfinished bytes, and this packet has the most of them."""
        self._session.engine.config.limited("unfinished", self._session.remote)
        self._session.close(FORCED_CLOSE, TOO_BIG, UNFINISHED)

    def _dispatch(self, packet: Packet, attachments: Sequence[bytes]) -> None:
        socket = self._sockets.get(packet.namespace)
        kind = packet.type
        if socket is None or socket.state == _KNOCKING or kind == CONNECT:
            self._unjoined(packet, socket)
        elif kind in (EVENT, BINARY_EVENT):
            name = packets.event_name(packet.payload)
            socket.on_event(name, packet.payload.encode(), attachments, packet.id)
        elif kind in (ACK, BINARY_ACK) and packet.id is not None:
            socket.on_ack(packet.id, packet.payload.encode(), attachments)
        elif kind == DISCONNECT and not packet.payload:
            self.leave(socket, CLIENT_LEFT)
        else:
            raise MalformedPacket("A client does not send packets like this")

    def _unjoined(self, packet: Packet, socket: Socket | None) -> None:
        """A packet for a namespace that the client is not in must ask to join it."""
        if packet.type == CONNECT and socket is None:
            self._connect(packet.namespace, packets.auth_payload(packet.payload))
        elif packet.type == CONNECT or packet.namespace not in self._sockets or socket is not None:
            self._session.close(
                FORCED_CLOSE, PROTOCOL_ERROR, "Send CONNECT and wait for its answer, once for a namespace"
            )

    def _connect(self, namespace: str, auth: bytes) -> None:
        make = self._namespaces.get(namespace)
        if make is None or (namespace not in self._sockets and len(self._sockets) >= MAX_NAMESPACES):
            self.refuse_connect(packets.connect_error("Invalid namespace", namespace=namespace))
            return
        socket = make(self._session)
        socket.layer, socket.namespace = self, namespace
        self._sockets[namespace] = socket
        socket.on_connect(auth)

    def refuse_connect(self, answer: bytes, *, is_counted: bool = True) -> None:
        """Refuse a CONNECT; after too many that count, the session closes."""
        self._session.engine.outbox.add(self._session, answer)
        if is_counted:
            self._session.count_refusal(CONNECT_REFUSED)

    def leave(self, socket: Socket, reason: str = "") -> None:
        """Remove a socket and pass it `reason`, unless it was refused and there is none."""
        socket.state = _GONE
        if reason == SERVER_LEFT:
            self._sockets[socket.namespace] = None
        else:
            del self._sockets[socket.namespace]
        if reason:
            self._notify(socket, reason)

    def _notify(self, socket: Socket, reason: str) -> None:
        try:
            socket.on_disconnect(reason)
        except Exception:
            _log.exception("a socket failed to disconnect")

    def disconnect(self) -> None:
        """Disconnect the client from all namespaces and close its session."""
        for socket in list(self._sockets.values()):
            if socket is not None:
                socket.disconnect()
        self._session.close(FORCED_CLOSE)

    def fell_behind(self) -> None:
        """Notify the sockets that the session is behind."""
        for socket in list(self._sockets.values()):
            if socket is not None and socket.state == _JOINED:
                socket.on_behind()

    def caught_up(self) -> None:
        """Notify the sockets that the session is no longer behind."""
        for socket in list(self._sockets.values()):
            if socket is not None and socket.state == _JOINED:
                socket.on_caught_up()

    def closed(self, reason: str) -> None:
        """Notify the sockets that the session is over."""
        self._session.engine.wheel.cancel(self)
        self._forget_gathered()
        sockets, self._sockets = self._sockets, {}
        for socket in sockets.values():
            if socket is not None:
                socket.state = _GONE
                self._notify(socket, reason)


def socketio(namespaces: Mapping[str, Callable[[Session], Socket]]) -> Callable[[Session], Layer]:
    """Return what makes the Socket.IO layer of each session, serving `namespaces` by name."""
    return lambda session: SocketIO(session, namespaces)
