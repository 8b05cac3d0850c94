"""One connected client: a user's socket, the rooms that it has joined, and the replies to its events."""

from collections.abc import Sequence
from time import time
from typing import Protocol
from uuid import UUID

import msgspec

from core.base import errors
from core.base.events import Event
from core.work.context import User
from realtime.dialect.space import Space
from realtime.engine.session import Session
from realtime.engine.socketio import packets
from realtime.engine.socketio.sockets import Socket
from realtime.rooms.room import Room


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
        """Handle an event."""

    def disconnected(self, client: "Client") -> None:
        """Forget a client."""

    def caught_up(self, client: "Client") -> None:
        """Send a client that was slow what it has missed."""

    def expiring(self, client: "Client") -> None:
        """Warn a client that its token expires soon, or close its connection."""

    def hold(self, client: "Client", reply: "Reply", error: errors.AppError) -> bool:
        """Retry an event later, if that is worthwhile."""

    def release(self, client: "Client") -> None:
        """Forget the waiting event of a client."""

    def charge(self, client: "Client", cost: float) -> None:
        """Charge the user for what an event weighs beyond what was taken for it."""

    def count_error(self, code: str) -> None:
        """Count an error that is sent to a client."""


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
        "space",
        "typing",
        "typing_next",
        "unstored",
        "user",
        "user_key",
    )

    is_split = False  # whether it is in several namespaces: see gateway/namespaces.py

    def __init__(self, gateway: ClientGateway, session: Session, space: Space) -> None:
        super().__init__(session)
        self._gateway = gateway
        self.space = space  # of some marketplace until it is known which is the client's
        self.rooms: dict[bytes, Room] = {}
        self.user: User
        self.user_key = b""
        self.gone = False
        self.catching_up = False
        self.pid = ""
        self.expires_at = 0.0
        self.since = 0.0
        self.sent: Sent | None = None  # the message that it may repeat: see gateway/repeats.py
        self.held: Reply | None = None  # the event that is retried: see gateway/later.py
        self.retries = False  # it has repeated an event, so it uses the option `retries`
        self.unstored = 0  # its messages that are not answered yet
        self.typing: dict[UUID, None] = {}  # in which conversations, the latest last: see gateway/typing.py
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
        """Leave the live delivery of all rooms: a slow client costs two numbers for each room, not its missed messages."""
        for room in self.rooms.values():
            if room.sockets.pop(self.session, None):
                room.lagging[self.session] = room.flushed

    def lagging_rooms(self) -> list[Room]:
        """Return the rooms in which it has to catch up."""
        return [room for room in self.rooms.values() if self.session in room.lagging]

    def on_caught_up(self) -> None:
        self._gateway.caught_up(self)

    def admit(self, user: User, pid: str) -> None:
        """Let the client in as this user; `pid` is what it can recover by."""
        self.become(user, pid)
        self.accept(pid=pid)

    def become(self, user: User, pid: str) -> None:
        """Be this user from now on."""
        self.user, self.user_key, self.pid, self.since = user, user.id.bytes, pid, time()

    def hears(self, namespace: str) -> bool:
        """Whether the client is in a namespace."""
        return namespace == self.namespace

    def due(self) -> None:
        """Called by the wheel: the token expires soon, or has."""
        self._gateway.expiring(self)

    def turn_away(self, error: errors.AppError) -> None:
        """Refuse the connection with our error object; not counted against the client if the fault is ours."""
        self.refused(error)
        data = msgspec.Raw(self.space.encoder.error(error, self.id))
        self.refuse(error.message, data, is_counted=error.kind is not errors.UNAVAILABLE)

    def refused(self, error: errors.AppError) -> None:
        """Count an error."""
        self._gateway.count_error(error.kind.code)

    def hold(self, reply: "Reply", error: errors.AppError) -> bool:
        """Retry an event later, if that is worthwhile."""
        return self._gateway.hold(self, reply, error)

    def release(self) -> None:
        """Forget the waiting event: it is answered, or its client has disconnected."""
        self._gateway.release(self)

    def charge(self, cost: float) -> None:
        """Charge the user for what an event weighs beyond what was taken for it."""
        self._gateway.charge(self, cost)

    def send_event(self, event: Event) -> None:
        """Send one of the server's own events."""
        self.emit_raw(self.space.encoder.event(event))

    def leave(self, room: Room) -> None:
        """Stop receiving a conversation."""
        self.rooms.pop(room.key, None)
        room.sockets.pop(self.session, None)
        room.lagging.pop(self.session, None)


class Reply:
    """One event of a client, and its reply: an ack if it asks for one, and an `error` event if it is refused."""

    __slots__ = ("_client", "acks", "args", "error", "held_at", "is_binary", "is_refused", "name", "space", "tries")

    def __init__(
        self,
        client: Client,
        name: str,
        ack: int | None,
        args: bytes = b"",
        *,
        is_binary: bool = False,
        space: Space | None = None,
    ) -> None:
        self._client = client
        self.space = space or client.space
        self.name = name
        self.args = args
        self.is_binary = is_binary
        self.is_refused = False  # for good: too many events wait
        self.acks = [] if ack is None else [ack]
        self.tries = 0
        self.held_at = 0.0
        self.error: errors.AppError

    def done(self, answer: msgspec.Struct) -> None:
        """Send the answer."""
        for ack in self.acks:
            self._client.emit_raw(packets.ack_raw(ack, self.space.encoder.answer(answer), self.space.ack_head))
        self._let_go()

    def refuse(self, error: errors.AppError) -> None:
        """Send the error; a client that is refused too often is disconnected, unless the fault is ours.

        An event is sent beside the ack: with `retries` the client library asks for the ack, and the application never sees it.
        """
        # The frames of its traceback refer to the event; with the error it would be a cycle until garbage is collected.
        error.__traceback__ = None
        if self.acks and self.args and error.kind.retryable and self._client.hold(self, error):
            return
        self._client.refused(error)
        if error.kind is not errors.UNAVAILABLE:
            self._client.session.count_refusal()
        space = self.space
        answer = space.encoder.error(error, self._client.id)
        for ack in self.acks:
            self._client.emit_raw(packets.ack_raw(ack, answer, space.ack_head))
        self._client.emit_raw(space.encoder.refused(self.name, answer, space.namespace))
        self._let_go()

    def crowded_out(self) -> None:
        """Refuse it at once: of all waiting events it is the largest."""
        self._client.session.engine.config.limited("unfinished", self._client.session.remote)
        self.is_refused = True
        self.refuse(self.error)

    def _let_go(self) -> None:
        if self._client.held is self:
            self._client.release()

    def either(self, answer: msgspec.Struct | errors.AppError) -> None:
        """Send the answer or the error."""
        if isinstance(answer, errors.AppError):
            self.refuse(answer)
        else:
            self.done(answer)
