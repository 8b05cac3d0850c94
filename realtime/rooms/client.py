"""One connected client: a user's socket, what it has joined, and the way back to it."""

from collections.abc import Sequence
from time import time
from typing import Protocol
from uuid import UUID

import msgspec

from core.base import errors
from core.base.events import Event
from core.work.context import User
from realtime.engine.session import Session
from realtime.engine.socketio import packets
from realtime.engine.socketio.sockets import Socket
from realtime.rooms.room import Room
from realtime.wire import Refused

_encode = msgspec.json.Encoder().encode


class Sent(msgspec.Struct):
    """The last message of a socket without a `clientId`; once answered, which pong shows that the client has the ack."""

    client_id: str
    at: float
    answered: bool = False
    pong: int | None = None
    until: float = 0.0


class ClientGateway(Protocol):
    """What clients need of the gateway."""

    def connect(self, client: "Client", auth: bytes) -> None:
        """Check the token that a client gives with CONNECT."""

    def dispatch(self, client: "Client", reply: "Reply") -> None:
        """Do an event."""

    def disconnected(self, client: "Client") -> None:
        """Forget a client."""

    def caught_up(self, client: "Client") -> None:
        """Give a client that was slow what it has missed."""

    def expiring(self, client: "Client") -> None:
        """Warn a client that its token expires soon, or close its connection."""

    def hold(self, client: "Client", reply: "Reply", error: errors.AppError) -> bool:
        """Try an event again later, if that is worthwhile."""

    def release(self, client: "Client") -> None:
        """Forget the event of a client that waits."""

    def charge(self, client: "Client", cost: float) -> None:
        """Charge the user for what an event weighs beyond what was taken for it."""

    def count_error(self, code: str) -> None:
        """Count an error that a client is told."""


class Client(Socket):
    """One connected client: a user's socket, and the rooms that it has joined (by conversation key)."""

    __slots__ = (
        "_gateway",
        "catching_up",
        "expires_at",
        "gone",
        "held",
        "pid",
        "retries",
        "rooms",
        "sent",
        "since",
        "slot",
        "typing",
        "typing_next",
        "unstored",
        "user",
        "user_key",
    )

    def __init__(self, gateway: ClientGateway, session: Session) -> None:
        super().__init__(session)
        self._gateway = gateway
        self.rooms: dict[bytes, Room] = {}
        self.user: User
        self.user_key = b""
        self.gone = False
        self.catching_up = False
        self.pid = ""
        self.expires_at = 0.0
        self.since = 0.0
        self.sent: Sent | None = None  # what it may repeat without saying so: see repeats.py
        self.held: Reply | None = None  # what is tried again: see later.py
        self.retries = False  # it has repeated an event that was not answered yet
        self.unstored = 0  # messages that it has sent and that are not answered yet
        self.typing: dict[UUID, None] = {}  # in which conversations, the last one last: see typing.py
        self.typing_next: dict[UUID, bool] = {}
        self.slot = 0  # on the engine's wheel, until the token expires

    def on_connect(self, auth: bytes) -> None:
        self._gateway.connect(self, auth)

    def on_event(self, name: str, args: bytes, attachments: Sequence[bytes], ack: int | None) -> None:
        self._gateway.dispatch(self, Reply(self, name, ack, args, is_binary=bool(attachments)))

    def on_disconnect(self, _reason: str) -> None:
        self.gone = True
        self._gateway.disconnected(self)

    def on_behind(self) -> None:
        """Step out of all rooms, remembering where: a slow client costs two numbers a room, not what is said there."""
        for room in self.rooms.values():
            if room.sockets.pop(self.session, None):
                room.away[self.session] = room.flushed

    def away(self) -> list[Room]:
        """Return the rooms that it has stepped out of."""
        return [room for room in self.rooms.values() if self.session in room.away]

    def on_caught_up(self) -> None:
        self._gateway.caught_up(self)

    def admit(self, user: User, pid: str) -> None:
        """Let the client in as this user; `pid` is what it can recover by."""
        self.user, self.user_key, self.pid, self.since = user, user.id.bytes, pid, time()
        self.accept(pid=pid)

    def due(self) -> None:
        """Called by the wheel: the token expires soon, or has."""
        self._gateway.expiring(self)

    def turn_away(self, error: errors.AppError) -> None:
        """Refuse the connection with our error object; it costs the client nothing if the fault is ours."""
        self.refused(error)
        self.refuse(error.message, errors.answer(error), is_counted=error.kind is not errors.UNAVAILABLE)

    def refused(self, error: errors.AppError) -> None:
        """Count an error."""
        self._gateway.count_error(error.kind.code)

    def hold(self, reply: "Reply", error: errors.AppError) -> bool:
        """Try an event again later, if that is worth while."""
        return self._gateway.hold(self, reply, error)

    def release(self) -> None:
        """What waited of this client is answered, or nobody waits for it any more."""
        self._gateway.release(self)

    def charge(self, cost: float) -> None:
        """Charge the user for what an event weighs beyond what was taken for it."""
        self._gateway.charge(self, cost)

    def tell(self, event: Event) -> None:
        """Send one of the server's own events."""
        self.emit_raw(packets.event_raw(event.name, _encode(event)))

    def leave(self, room: Room) -> None:
        """Hear a conversation no more."""
        self.rooms.pop(room.key, None)
        room.sockets.pop(self.session, None)
        room.away.pop(self.session, None)


class Reply:
    """One event of a client and the way back to it: an ack if it asks for one, and an `error` event if it is refused."""

    __slots__ = ("_client", "acks", "args", "error", "held_at", "is_binary", "is_refused", "name", "tries")

    def __init__(
        self, client: Client, name: str, ack: int | None, args: bytes = b"", *, is_binary: bool = False
    ) -> None:
        self._client = client
        self.name = name
        self.args = args
        self.is_binary = is_binary
        self.is_refused = False  # for good: too much waits
        self.acks = [] if ack is None else [ack]
        self.tries = 0
        self.held_at = 0.0
        self.error: errors.AppError

    def done(self, answer: msgspec.Struct) -> None:
        """Send the answer."""
        for ack in self.acks:
            self._client.emit_raw(packets.ack_raw(ack, _encode(answer)))
        self._let_go()

    def refuse(self, error: errors.AppError) -> None:
        """Send the error; a client that is refused again and again is cut off, unless the fault is ours.

        Also as an event if there is an ack: with `retries` it is the client itself that asks for one, and nobody reads it.
        """
        # The frames of its traceback hold the event; one that also holds the error would keep both until garbage is collected.
        error.__traceback__ = None
        if self.acks and self.args and error.kind.retryable and self._client.hold(self, error):
            return
        self._client.refused(error)
        if error.kind is not errors.UNAVAILABLE:
            self._client.session.count_refusal()
        answer = errors.answer(error)
        for ack in self.acks:
            self._client.ack(ack, answer)
        self._client.tell(Refused(self.name, answer.error))
        self._let_go()

    def crowded_out(self) -> None:
        """Refuse it, and wait no more: of all that waits it is the largest."""
        self._client.session.engine.config.limited("unfinished", self._client.session.remote)
        self.is_refused = True
        self.refuse(self.error)

    def _let_go(self) -> None:
        if self._client.held is self:
            self._client.release()

    def either(self, answer: msgspec.Struct | errors.AppError) -> None:
        """Send what came of it."""
        if isinstance(answer, errors.AppError):
            self.refuse(answer)
        else:
            self.done(answer)
