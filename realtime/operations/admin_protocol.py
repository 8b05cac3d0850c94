"""The admin protocol: what operators ask the hubs over the bus, and what a hub replies. Rare, so it is JSON."""

from datetime import datetime
from uuid import UUID

import msgspec

from realtime.rooms.delivery_trace import ChangeTrace


class SeeUser(msgspec.Struct, frozen=True, tag="user"):
    """Which sockets of this user are here?"""

    user_id: UUID


class SeeRoom(msgspec.Struct, frozen=True, tag="room"):
    """How far has this conversation been delivered here, to the room and to these members, and how did `version` get here?"""

    conversation_id: UUID
    user_ids: list[UUID]
    version: int = 0


class SetDrain(msgspec.Struct, frozen=True, tag="drain"):
    """Hub `hub`: disconnect the clients and accept no new ones, or accept them again."""

    hub: str
    on: bool


AdminRequest = SeeUser | SeeRoom | SetDrain


class SocketSeen(msgspec.Struct, frozen=True, rename="camel"):
    """One socket of a user. `remote` is masked; `behind`: the client does not read what it is sent."""

    session_id: UUID
    transport: str
    remote: str
    since: datetime
    behind: bool
    joined: int


class UserSeen(msgspec.Struct, frozen=True, rename="camel", tag="user"):
    """The sockets of a user on one hub."""

    sockets: list[SocketSeen]


class MemberSeen(msgspec.Struct, frozen=True, rename="camel"):
    """A member on one hub: how many sockets, how many of them in the room, and up to which message was delivered to them.

    `behind`: those in the room do not read what they are sent; the log is paged to them from `seq` when they read again.
    """

    user_id: UUID
    sockets: int
    joined: int
    behind: bool
    seq: int
    version: int


class RoomSeen(msgspec.Struct, frozen=True, rename="camel", tag="room"):
    """A conversation on one hub. All up to `flushed_seq` and `flushed_version` was written to the sockets in the room.

    `held` changes wait for an earlier one; `behind` sockets do not read, so nothing is sent to them; `trace` is that of the
    version that was asked for.
    """

    awake: bool
    flushed_seq: int = 0
    flushed_version: int = 0
    held: int = 0
    sockets: int = 0
    behind: int = 0
    trace: ChangeTrace = msgspec.field(name="passage", default=ChangeTrace())
    members: list[MemberSeen] = []


class DrainSet(msgspec.Struct, frozen=True, tag="drain"):
    """The drain is set."""

    on: bool


Seen = UserSeen | RoomSeen | DrainSet


class AdminReply(msgspec.Struct, frozen=True):
    """What one hub replies."""

    hub: str
    seen: Seen
