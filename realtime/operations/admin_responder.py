"""The hub's side of the admin protocol: reads the state of its rooms and sockets, and replies over the bus."""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from core.limits.address import masked
from realtime.bus.bus import Bus
from realtime.bus.deliveries import Delivery, Kind, replies_channel
from realtime.operations.admin_protocol import (
    AdminReply,
    AdminRequest,
    DrainSet,
    MemberSeen,
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

MOST_AT_ONCE = 100  # requests under way at a time: each comes over every Redis server

_decode = msgspec.json.Decoder(AdminRequest).decode
_encode = msgspec.json.Encoder().encode


class AdminResponder:
    """Replies for one hub; `set_drain` begins or ends its drain."""

    def __init__(self, hub_id: str, bus: Bus, rooms: Rooms, users: Users, set_drain: Callable[[bool], None]) -> None:
        self._hub = hub_id
        self._bus = bus
        self._rooms = rooms
        self._users = users
        self._set_drain = set_drain
        self._replied: deque[bytes] = deque(maxlen=MOST_AT_ONCE)

    def received(self, delivery: Delivery) -> None:
        """Reply to a request for this hub, once, although it arrives over every Redis server."""
        if delivery.subject in self._replied:
            return
        self._replied.append(delivery.subject)
        try:
            seen = self._look(_decode(delivery.frame))
        except msgspec.DecodeError:  # a request of a newer version
            return
        if seen:
            frame = _encode(AdminReply(self._hub, seen))
            self._bus.publish_everywhere(replies_channel(delivery.subject), Kind.ADMIN_REPLY, frame, delivery.subject)

    def _look(self, request: AdminRequest) -> Seen | None:
        match request:
            case SeeUser(user_id):
                return UserSeen([_socket(client) for client in self._users.of(user_id.bytes)])
            case SeeRoom():
                return self._room(request)
            case SetDrain(hub, on) if hub == self._hub:
                self._set_drain(on)
                return DrainSet(on)
            case _:
                return None

    def _room(self, request: SeeRoom) -> RoomSeen:
        key = request.conversation_id.bytes
        room, trace = self._rooms.get(key), self._rooms.trace.of(key, request.version)
        here = [user_id for user_id in request.user_ids if user_id.bytes in self._users]
        if room is None or not room.awake:
            return RoomSeen(awake=False, trace=trace, members=[self._member(None, user_id) for user_id in here])
        return RoomSeen(
            awake=True,
            flushed_seq=room.flushed[0],
            flushed_version=room.flushed[1],
            held=len(room.held),
            sockets=len(room.sockets),
            behind=len(room.lagging),
            trace=trace,
            members=[self._member(room, user_id) for user_id in here],
        )

    def _member(self, room: Room | None, user_id: UUID) -> MemberSeen:
        clients = self._users.of(user_id.bytes)
        if room is None:
            return MemberSeen(user_id, len(clients), joined=0, behind=False, seq=0, version=0)
        live = [room.flushed for client in clients if client.session in room.sockets]
        slow = [room.lagging[client.session] for client in clients if client.session in room.lagging]
        seq, version = max([*live, *slow], default=(0, 0))
        return MemberSeen(user_id, len(clients), len(live) + len(slow), bool(slow) and not live, seq, version)


def _socket(client: Client) -> SocketSeen:
    session = client.session
    since = datetime.fromtimestamp(client.since, UTC)
    name = session.transport.name
    return SocketSeen(client.user.session_id, name, masked(session.remote), since, session.behind, len(client.rooms))
