"""Sends `conversation:updated` to the sockets of members that have not joined the conversation."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from core.base.events import ConversationUpdated, NotificationChanged
from core.base.people import Person
from core.base.publisher import Publisher
from core.chat.unread import unread
from core.platform.db import Many
from core.text.wording import PREVIEW, said
from core.work.context import Ctx, Resources

SMALL = 100  # in larger conversations, clients use sync


class Listed(msgspec.Struct, frozen=True):
    """A conversation in the list of one member. `has_notice`: there is an unread notification of the change."""

    market: str
    conversation_id: UUID
    user_id: UUID
    unread_count: int
    last_seq: int
    message_id: UUID
    last_message_at: datetime
    preview: str
    sender_id: UUID
    sender_name: str
    sender_avatar_url: str | None
    has_notice: bool


_SOME_MEMBERS = f"select * from members n where n.conversation_id = c.id and n.left_at is null limit {SMALL + 1}"  # noqa: S608


def _listed(source: str, has_notice: str = "false", which: str = "") -> str:
    return f"""
    select c.market, s.conversation_id, s.user_id, {unread("c", "s")} as unread_count, c.last_seq, m.id as message_id,
        m.created_at as last_message_at,
        case when m.deleted_at is null then {said("m", PREVIEW)} else 'Message deleted' end as preview,
        w.id as sender_id, w.name as sender_name, w.avatar_url as sender_avatar_url, {has_notice} as has_notice
    from {source} join messages m on m.conversation_id = c.id and m.seq = c.last_seq join users w on w.id = m.sender_id {which}"""  # noqa: S608 - no input in it


# Of conversations $1 for users $2.
OF_USERS = Many(
    Listed,
    _listed(
        """unnest($1::uuid[], $2::uuid[]) as a (conversation_id, user_id)
    join conversations c on c.id = a.conversation_id
    join members s on s.conversation_id = c.id and s.user_id = a.user_id and s.left_at is null"""
    ),
)
# Of conversation $1, in which message $2 has changed, for all of its members.
OF_MEMBERS = Many(
    Listed,
    _listed(
        f"conversations c cross join lateral ({_SOME_MEMBERS}) s",
        """exists (
            select from notifications n where n.user_id = s.user_id and n.type = 'message_received' and n.fold_key = c.id
                and n.read_at is null and n.in_app and n.fold_seq >= $2 and s.last_read_seq < $2
        ) or exists (
            select from notifications n where n.mention_key = c.id and n.fold_seq = $2 and n.user_id = s.user_id
                and n.read_at is null and n.in_app
        )""",
        "where c.id = $1",
    ),
)


class Sender(msgspec.Struct, frozen=True):
    conversation_id: UUID
    user_id: UUID


SENDERS = Many(
    Sender,
    """
    select c.id as conversation_id, m.sender_id as user_id from conversations c
    join messages m on m.conversation_id = c.id and m.seq = c.last_seq where c.id = any ($1::uuid[])""",
)


async def publish_to(
    resources: Resources, publisher: Publisher, conversation_ids: Sequence[UUID], user_ids: Sequence[UUID]
) -> Sequence[Listed]:
    """Send each of these users the conversation at the same index, and return what their lists say of it."""
    rows = await OF_USERS(resources.db, list(conversation_ids), list(user_ids))
    for row in resources.sealing.opened(rows, "preview", PREVIEW):
        publisher.of(row.market).emit([row.user_id], _event(row))
    return rows


async def publish_to_senders(resources: Resources, publisher: Publisher, conversation_ids: Sequence[UUID]) -> None:
    """Update the other devices of the latest sender of each conversation, who has read it by sending."""
    rows = await SENDERS(resources.db, list(conversation_ids))
    await publish_to_readers(resources, publisher, [row.conversation_id for row in rows], [row.user_id for row in rows])


async def publish_to_readers(
    resources: Resources, publisher: Publisher, conversation_ids: Sequence[UUID], user_ids: Sequence[UUID]
) -> None:
    """Update the other devices of each of these users, who has read on in the conversation at the same index."""
    for row in await publish_to(resources, publisher, conversation_ids, user_ids):
        publisher.of(row.market).emit([row.user_id], NotificationChanged(conversation_id=row.conversation_id))


async def publish_change(ctx: Ctx, conversation_id: UUID, seq: int, *, deleted: bool) -> None:
    """Update the lists of all members that show an edited or deleted message."""
    rows = await OF_MEMBERS(ctx.db, conversation_id, seq)
    if len(rows) > SMALL:
        return
    for row in ctx.resources.sealing.opened(rows, "preview", PREVIEW):
        if deleted or seq == row.last_seq:
            ctx.publisher.emit([row.user_id], _event(row))
        if row.has_notice:
            ctx.publisher.emit([row.user_id], NotificationChanged(conversation_id=conversation_id))


def _event(row: Listed) -> ConversationUpdated:
    return ConversationUpdated(
        conversation_id=row.conversation_id,
        unread_count=row.unread_count,
        last_seq=row.last_seq,
        last_message_id=row.message_id,
        last_message_at=row.last_message_at,
        preview=row.preview,
        sender=Person(row.sender_id, row.sender_name, row.sender_avatar_url),
    )
