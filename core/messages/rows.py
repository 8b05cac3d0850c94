"""Messages as stored, and as shown to clients."""

from datetime import datetime
from uuid import UUID

import msgspec

from core.base import emojis
from core.base.events import Message, Reaction
from core.base.people import Person
from core.base.publisher import given
from core.text.wording import said


class MessageRow(msgspec.Struct, frozen=True):
    id: UUID
    conversation_id: UUID
    seq: int
    version: int
    sender_id: UUID
    sender_name: str
    sender_avatar_url: str | None
    content: str
    sent_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None
    kind: str
    client_id: str | None
    reply_to: UUID | None
    mentions: list[UUID]
    reactions: list[dict[str, object]]


class PlacedMessageRow(MessageRow, frozen=True):
    place: int


class SizedMessageRow(MessageRow, frozen=True):
    """A message of one of several pages, with the total size of its page up to and including it."""

    octets: int
    place: int


# Old rows, and those of an earlier version still running, may spell one emoji in several ways: compare without selectors.
UNSELECTED = "translate({}, e'\\ufe0e\\ufe0f', '')"
_REACTIONS = f"""coalesce((
        select jsonb_agg(
            jsonb_build_object('emoji', e.emoji, 'count', cardinality(e.users), 'userIds', e.users[1:100]) order by e.first
        )
        from (
            select max(r.emoji) as emoji, min(r.first) as first, array_agg(r.user_id order by r.first) as users
            from (
                select {UNSELECTED.format("g.emoji")} as key, max(g.emoji) as emoji, g.user_id, min(g.created_at) as first
                from reactions g where g.conversation_id = m.conversation_id and g.seq = m.seq group by 1, 3
            ) r group by r.key
        ) e
    ), '[]')"""  # noqa: S608 - no input in it
SHOWN = f"""
    select m.id, m.conversation_id, m.seq, m.version, u.id as sender_id, u.name as sender_name,
        u.avatar_url as sender_avatar_url, {said("m")} as content, m.created_at as sent_at, m.edited_at, m.deleted_at,
        m.kind, m.client_id, m.reply_to,
        array(
            select t.user_id from mentions t
            where t.conversation_id = m.conversation_id and t.seq = m.seq and m.deleted_at is null order by t.user_id
        ) as mentions,
        {_REACTIONS} as reactions
    from messages m join users u on u.id = m.sender_id"""  # noqa: S608 - no input in it


def as_message(row: MessageRow) -> Message:
    """Turn a row of the log into the message that clients see."""
    return Message(
        id=row.id,
        conversation_id=row.conversation_id,
        seq=row.seq,
        version=row.version,
        sender=Person(row.sender_id, row.sender_name, row.sender_avatar_url),
        content=row.content,
        sent_at=row.sent_at,
        is_edited=row.edited_at is not None,
        edited_at=row.edited_at,
        deleted_at=row.deleted_at,
        kind=row.kind,
        client_id=given(row.client_id),
        reply_to=row.reply_to,
        mentions=row.mentions,
        reactions=[_spelled(reaction) for reaction in msgspec.convert(row.reactions, list[Reaction])],
    )


def _spelled(reaction: Reaction) -> Reaction:
    return msgspec.structs.replace(reaction, emoji=emojis.spelled(reaction.emoji) or reaction.emoji)
