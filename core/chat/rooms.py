"""What a hub loads when rooms are loaded, users connect and read positions move: one statement each per loop iteration."""

from datetime import datetime
from uuid import UUID

import msgspec

from core.platform.db import Many, Run


class RoomState(msgspec.Struct, frozen=True):
    """The state of a conversation."""

    id: UUID
    market: str
    last_seq: int
    version: int
    closed_at: datetime | None
    is_blocked: bool


class RoomMember(msgspec.Struct, frozen=True):
    conversation_id: UUID
    user_id: UUID
    last_read_seq: int


class Membership(msgspec.Struct, frozen=True):
    """One member of one conversation."""

    conversation_id: UUID
    user_id: UUID


class Circle(msgspec.Struct, frozen=True):
    """The members of a conversation, who receive each other's presence."""

    market: str
    members: list[UUID]


ROOM_STATES = Many(
    RoomState,
    "select id, market, last_seq, version, closed_at, is_blocked from conversations where id = any ($1::uuid[])",
)
ROOM_MEMBERS = Many(
    RoomMember,
    """
    select conversation_id, user_id, last_read_seq from members
    where conversation_id = any ($1::uuid[]) and left_at is null""",
)
MEMBERSHIPS = Many(
    Membership,
    """
    select m.conversation_id, m.user_id from unnest($1::uuid[], $2::uuid[]) as asked (conversation_id, user_id)
    join members m on m.conversation_id = asked.conversation_id and m.user_id = asked.user_id
    where m.left_at is null""",
)
# Presence is limited to conversations of up to 100 members.
CIRCLES = Many(
    Circle,
    """
    select c.market, array_agg(m.user_id) as members
    from (select distinct conversation_id from members where user_id = any ($1::uuid[]) and left_at is null) mine
    join conversations c on c.id = mine.conversation_id
    cross join lateral (
        select n.user_id from members n where n.conversation_id = mine.conversation_id and n.left_at is null limit 101
    ) m
    group by mine.conversation_id, c.market having count(*) between 2 and 100""",
)
SEEN = Run("update users set last_seen_at = $2 where id = any ($1::uuid[]) and deleted_at is null")
