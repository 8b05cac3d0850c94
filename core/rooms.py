"""What a hub loads when conversations wake, people connect and read positions move: all of a turn in one statement each."""

from uuid import UUID

import msgspec

from core.db import Many, Run


class RoomState(msgspec.Struct, frozen=True):
    """Where a conversation stands."""

    id: UUID
    market: str
    last_seq: int
    version: int


class RoomMember(msgspec.Struct, frozen=True):
    conversation_id: UUID
    user_id: UUID
    last_read_seq: int


class Login(msgspec.Struct, frozen=True):
    """A session and the person behind it."""

    session_id: UUID
    user_id: UUID
    name: str
    avatar_url: str | None
    email: str
    role: str
    market: str


class Acquaintance(msgspec.Struct, frozen=True):
    """Someone, and someone else who shares a conversation with them."""

    user_id: UUID
    contact_id: UUID


ROOM_STATES = Many(RoomState, "select id, market, last_seq, version from conversations where id = any ($1::uuid[])")
ROOM_MEMBERS = Many(
    RoomMember,
    """
    select conversation_id, user_id, last_read_seq from members
    where conversation_id = any ($1::uuid[]) and left_at is null""",
)
LIVE_SESSIONS = Many(
    Login,
    """
    select s.id as session_id, u.id as user_id, u.name, u.avatar_url, u.email, u.role, u.market
    from sessions s join users u on u.id = s.user_id
    where s.id = any ($1::uuid[]) and s.ended_at is null and u.deleted_at is null""",
)
# Presence is for conversations of up to 100: in larger ones nobody watches who comes and goes.
CONTACTS = Many(
    Acquaintance,
    """
    select distinct mine.user_id, theirs.user_id as contact_id
    from members mine
    join members theirs on theirs.conversation_id = mine.conversation_id and theirs.left_at is null
    where mine.user_id = any ($1::uuid[]) and mine.left_at is null and theirs.user_id <> mine.user_id
        and (
            select count(*) from (
                select from members m where m.conversation_id = mine.conversation_id and m.left_at is null limit 101
            ) counted
        ) <= 100""",
)
SEEN = Run("update users set last_seen_at = $2 where id = any ($1::uuid[])")
