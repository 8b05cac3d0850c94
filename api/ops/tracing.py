"""Traces the delivery of a message to one member, from the state of the hubs: answers "why did they not get it?".

Changes are delivered in the order of versions, so no record per message is needed: a room or a slow socket that received
version v has received all before it. The `version` of a message is that of its last change.
"""

from collections.abc import Mapping

from api.ops.structs import Delivery, MemberTrace
from core.operations.inspection import MemberFound, MessageFound
from realtime.operations.admin_protocol import MemberSeen, RoomSeen


def has_delivered(room: RoomSeen, message: MessageFound) -> bool:
    """Whether a hub has written the current version of the message to the sockets in its room."""
    return room.trace.written_at is not None or (room.awake and room.flushed_version >= message.version)


def trace_member(
    member: MemberFound, message: MessageFound, rooms: Mapping[str, RoomSeen], *, heard_all: bool
) -> MemberTrace:
    """Return the delivery state of a message for a member, given the rooms of the hubs; `heard_all`: all hubs have replied."""
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
