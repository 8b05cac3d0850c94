"""Operators' queries about people and conversations: their state, never the texts."""

from datetime import datetime
from uuid import UUID

import msgspec

from core.accounts.contacts import email_of
from core.chat.conversations import titled
from core.platform.db import Many, One


class UserFound(msgspec.Struct, frozen=True, rename="camel"):
    """A user as operators see her."""

    id: UUID
    market: str
    role: str
    name: str
    email: str | None
    created_at: datetime
    last_seen_at: datetime | None
    deleted_at: datetime | None


class LoginRow(msgspec.Struct, frozen=True, rename="camel"):
    """A session that has not ended."""

    id: UUID
    user_agent: str
    created_at: datetime


class ConversationOfUser(msgspec.Struct, frozen=True, rename="camel"):
    """A conversation and how far a member has read it."""

    id: UUID
    kind: str
    title: str | None
    last_seq: int
    version: int
    last_read_seq: int
    last_message_at: datetime | None


class ConversationFound(msgspec.Struct, frozen=True, rename="camel"):
    """The state of a conversation."""

    id: UUID
    market: str
    kind: str
    title: str | None
    last_seq: int
    version: int
    created_at: datetime
    last_message_at: datetime | None
    member_count: int


class MemberFound(msgspec.Struct, frozen=True, rename="camel"):
    """A member: read position, and when last seen."""

    id: UUID
    name: str
    user_type: str
    last_read_seq: int
    joined_at: datetime
    last_seen_at: datetime | None


class MessageFound(msgspec.Struct, frozen=True, rename="camel"):
    """A message without its text. `version` is that of its last change, `sent_at` when it was committed."""

    id: UUID
    conversation_id: UUID
    seq: int
    version: int
    kind: str
    sender_id: UUID
    sender_name: str
    sent_at: datetime
    changed_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None


_USER = f"select id, market, role, name, {email_of('users')} as email, created_at, last_seen_at, deleted_at from users"  # noqa: S608
USER = One(UserFound, _USER + " where id = $1")
USERS_BY_EMAIL = Many(
    UserFound,
    _USER
    + """ where market = any ($1::text[]) and lower(email collate "C") = any ($2::text[]) and deleted_at is null
    order by id""",
)
# By words of their names and addresses. Of very common words only $3 users are sorted, and the first $2 of them shown.
USERS_BY_WORDS = Many(
    UserFound,
    _USER  # noqa: S608 - no input in it
    + """ where id = any (array(select f.id from find_users($1, $3) f)) and deleted_at is null
    order by lower(name), id limit $2""",
)
LOGINS = Many(
    LoginRow,
    "select id, user_agent, created_at from sessions where user_id = $1 and ended_at is null order by created_at desc limit $2",
)
CONVERSATIONS_OF_USER = Many(
    ConversationOfUser,
    f"""
    select c.id, c.kind, {titled("c")} as title, c.last_seq, c.version, m.last_read_seq, c.last_message_at
    from members m join conversations c on c.id = m.conversation_id
    where m.user_id = $1 and m.left_at is null
    order by coalesce(c.last_message_at, c.created_at) desc, c.id limit $2""",  # noqa: S608
)
CONVERSATION = One(
    ConversationFound,
    f"""
    select id, market, kind, {titled("c")} as title, last_seq, version, created_at, last_message_at,
        (select count(*) from members n where n.conversation_id = c.id and n.left_at is null) as member_count
    from conversations c where id = $1""",  # noqa: S608
)
# Members who have read least come first, because operators look for them. $2: only this member, or null.
MEMBERS = Many(
    MemberFound,
    """
    select u.id, u.name, u.role as user_type, m.last_read_seq, m.joined_at, u.last_seen_at
    from members m join users u on u.id = m.user_id
    where m.conversation_id = $1 and m.left_at is null and ($2::uuid is null or m.user_id = $2)
    order by m.last_read_seq, u.id limit $3""",
)
_MESSAGE = """
    select m.id, m.conversation_id, m.seq, m.version, m.kind, m.sender_id, u.name as sender_name, m.created_at as sent_at,
        m.changed_at, m.edited_at, m.deleted_at
    from messages m join users u on u.id = m.sender_id"""
MESSAGE = One(MessageFound, _MESSAGE + " where m.id = $1")
MESSAGES_AFTER = Many(MessageFound, _MESSAGE + " where m.conversation_id = $1 and m.seq > $2 order by m.seq desc")
