"""The hub's side of an operator's questions: it looks at its own rooms and sockets, and answers over the bus."""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from core.limits.address import masked
from realtime.bus.bus import Bus, Delivery, Kind, answers_channel
from realtime.operations.admin_protocol import (
    Answer,
    DrainSet,
    MemberSeen,
    Question,
    RoomSeen,
    Seen,
    SeeRoom,
    SeeUser,
    SetDrain,
    SocketSeen,
    UserSeen,
)
from realtime.rooms.client import Client
from realtime.rooms.room import Room
from realtime.rooms.rooms import Rooms
from realtime.rooms.users import Users

MOST_AT_ONCE = 100  # questions that are on the way over several servers

_decode = msgspec.json.Decoder(Question).decode
_encode = msgspec.json.Encoder().encode


class Inspector:
    """Answers for one hub; `set_drain` begins or ends its drain."""

    def __init__(self, hub_id: str, bus: Bus, rooms: Rooms, users: Users, set_drain: Callable[[bool], None]) -> None:
        self._hub = hub_id
        self._bus = bus
        self._rooms = rooms
        self._users = users
        self._set_drain = set_drain
        self._answered: deque[bytes] = deque(maxlen=MOST_AT_ONCE)

    def asked(self, delivery: Delivery) -> None:
        """Answer a question, unless it is for another hub; once, though it comes over every server."""
        if delivery.subject in self._answered:
            return
        self._answered.append(delivery.subject)
        try:
            seen = self._look(_decode(delivery.frame))
        except msgspec.DecodeError:  # a newer process asks what is not known here
            return
        if seen:
            frame = _encode(Answer(self._hub, seen))
            self._bus.publish_everywhere(answers_channel(delivery.subject), Kind.ANSWER, frame, delivery.subject)

    def _look(self, question: Question) -> Seen | None:
        match question:
            case SeeUser(user_id):
                return UserSeen([_socket(client) for client in self._users.of(user_id.bytes)])
            case SeeRoom():
                return self._room(question)
            case SetDrain(hub, on) if hub == self._hub:
                self._set_drain(on)
                return DrainSet(on)
            case _:
                return None

    def _room(self, question: SeeRoom) -> RoomSeen:
        key = question.conversation_id.bytes
        room, trace = self._rooms.get(key), self._rooms.trace.of(key, question.version)
        here = [user_id for user_id in question.user_ids if user_id.bytes in self._users]
        if room is None or not room.awake:
            return RoomSeen(awake=False, trace=trace, members=[self._member(None, user_id) for user_id in here])
        return RoomSeen(
            awake=True,
            flushed_seq=room.flushed[0],
            flushed_version=room.flushed[1],
            held=len(room.held),
            sockets=len(room.sockets),
            behind=len(room.away),
            trace=trace,
            members=[self._member(room, user_id) for user_id in here],
        )

    def _member(self, room: Room | None, user_id: UUID) -> MemberSeen:
        clients = self._users.of(user_id.bytes)
        if room is None:
            return MemberSeen(user_id, len(clients), joined=0, behind=False, seq=0, version=0)
        live = [room.flushed for client in clients if client.session in room.sockets]
        slow = [room.away[client.session] for client in clients if client.session in room.away]
        seq, version = max([*live, *slow], default=(0, 0))
        return MemberSeen(user_id, len(clients), len(live) + len(slow), bool(slow) and not live, seq, version)


def _socket(client: Client) -> SocketSeen:
    session = client.session
    since = datetime.fromtimestamp(client.since, UTC)
    name = session.transport.name
    return SocketSeen(client.user.session_id, name, masked(session.remote), since, session.behind, len(client.rooms))
