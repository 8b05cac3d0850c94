"""The answer to "why did she not get it?": what became of a message for one member, from what the hubs have seen.

Told is told in the order of versions, so this needs no note of each message: a room that has told version v, or a slow socket
that was told up to it, has all before. `version` of a message is that of its last change.
"""

from collections.abc import Mapping

from api.ops.structs import Delivery, MemberTrace
from core.operations.inspection import MemberFound, MessageFound
from realtime.operations.admin_protocol import MemberSeen, RoomSeen


def has_told(room: RoomSeen, message: MessageFound) -> bool:
    """Whether a hub has written the message, as it is now, to the sockets in its room."""
    return room.trace.written_at is not None or (room.awake and room.flushed_version >= message.version)


def trace_member(
    member: MemberFound, message: MessageFound, rooms: Mapping[str, RoomSeen], *, heard_all: bool
) -> MemberTrace:
    """Say what became of a message for a member; `rooms` are what the hubs have answered, and `heard_all` if all have."""
    seen = {hub: one for hub, room in rooms.items() for one in room.members if one.user_id == member.id}
    version = max((one.version for one in seen.values()), default=0)
    state = "read" if member.last_read_seq >= message.seq else _state(list(seen.values()), version, message, heard_all)
    return MemberTrace(member, state, list(seen), version)


def _state(seen: list[MemberSeen], version: int, message: MessageFound, heard_all: bool) -> Delivery:
    joined = [one for one in seen if one.joined]
    if joined and version >= message.version:
        return "delivered"
    if joined:
        return "behind" if all(one.behind for one in joined) else "pending"
    if seen:
        return "not_joined"
    return "offline" if heard_all else "unknown"
