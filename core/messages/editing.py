"""Editing and deleting one's own messages. Earlier texts are kept for moderators, for a while."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from core.base import errors
from core.base.events import Message, MessageDeleted, MessageEdited
from core.chat.conversation_updates import publish_change
from core.chat.membership import LOCK, require_member, require_members, require_open
from core.messages import changes, history, mentions
from core.messages.changes import change_of
from core.messages.sending import BODY, checked_content
from core.platform.db import Db, One, Run, Scalar, found
from core.work.context import Ctx
from core.work.unit_of_work import unit_of_work


class Author(msgspec.Struct, frozen=True):
    """The columns that decide who may change a message."""

    sender_id: UUID
    kind: str
    deleted_at: datetime | None


AUTHOR = One(Author, "select sender_id, kind, deleted_at from messages where conversation_id = $1 and id = $2")
STORED = Scalar(
    str,
    f"select placed(body, '{BODY} ' || id) from messages where conversation_id = $1 and id = $2",  # noqa: S608
)
_MENTIONED = (
    "array(select g.user_id from mentions g where g.conversation_id = t.conversation_id and g.seq = t.seq order by 1)"
)
_AFTER = "array(select distinct u from unnest($5::uuid[]) u order by u)"
# `mentioned` lets append_messages compare a repeat with the original; it holds no ids, which would have to be erased.
_KEEP_TEXT = f"""kept as (
            insert into message_edits (conversation_id, seq, version, body, replaced_by, mentioned)
            select t.conversation_id, t.seq, t.version, t.body, $3, sha256(array_to_string({_MENTIONED}, ',')::bytea)
            from t cross join n
        )"""  # noqa: S608 - no input in it
_UNMENTION = """unmentioned as (
            delete from mentions g using t cross join n where g.conversation_id = t.conversation_id and g.seq = t.seq {}
        )"""
_MENTION = """mentioned as (
            insert into mentions (conversation_id, seq, user_id)
            select t.conversation_id, t.seq, u.id from t cross join n cross join unnest($5::uuid[]) as u (id)
            on conflict do nothing
        )"""
# null: mentions stay as they are.
EDIT = change_of(
    "deleted_at is null",
    f"t.body <> $4 or $5::uuid[] is not null and {_MENTIONED} <> {_AFTER}",
    ", ".join((_KEEP_TEXT, _UNMENTION.format("and g.user_id <> all ($5)"), _MENTION)),
    "body = $4, edited_at = n.at,",
)
DELETE = change_of(
    "true",
    "t.deleted_at is null",
    ", ".join((_KEEP_TEXT, _UNMENTION.format(""))),
    "body = '', deleted_at = n.at,",
)
# Earlier texts replaced before a time ($1), at most $2.
FORGET_EARLIER_TEXTS = Run(
    """
    delete from message_edits where (conversation_id, seq, version) in (
        select conversation_id, seq, version from message_edits where replaced_at < $1 order by replaced_at limit $2
    )"""
)


async def edit(
    ctx: Ctx, conversation_id: UUID, id: UUID, content: str, mentioned: Sequence[UUID] | UnsetType = UNSET
) -> Message:
    """Change the text and mentions of the caller's message; without a difference it stays as it is.

    Earlier texts are kept for moderators, for a while. New mentions are notified; unread notifications of removed ones go.
    """
    content = checked_content(content)
    await require_open(ctx, conversation_id)
    await _require_author(ctx, conversation_id, id)
    async with unit_of_work(ctx) as work:
        await LOCK(work.db, conversation_id)
        before = await mentions.of(work.db, conversation_id, id)
        after = before if mentioned is UNSET else set(mentioned)
        await require_members(ctx, conversation_id, list(after - before), work.db)
        given = None if mentioned is UNSET else list(after)
        body = await _body(ctx, work.db, conversation_id, id, content)
        change = await changes.make(work.db, EDIT, conversation_id, id, ctx.user.id, body, given)
        place = mentions.Place(conversation_id, id, change.seq)
        await mentions.take_back(work, place, before - after)
        await mentions.notify(work, place, ctx.user.id, after - before)
    message = await history.get(ctx, conversation_id, id)
    if change.differs:
        ctx.publisher.changed(conversation_id, change.version, MessageEdited(message, conversation_id))
        await publish_change(ctx, conversation_id, change.seq, deleted=False)
    return message


async def delete(ctx: Ctx, conversation_id: UUID, id: UUID) -> MessageDeleted:
    """Delete the caller's message: the row and its numbers stay, text and mentions go. A repeat changes nothing."""
    await _require_author(ctx, conversation_id, id, deleted=True)
    async with unit_of_work(ctx) as work:
        await LOCK(work.db, conversation_id)
        before = await mentions.of(work.db, conversation_id, id)
        change = await changes.make(work.db, DELETE, conversation_id, id, ctx.user.id)
        await mentions.take_back(work, mentions.Place(conversation_id, id, change.seq), before)
    event = MessageDeleted(conversation_id, id, change.seq, change.version)
    if change.differs:
        ctx.publisher.changed(conversation_id, change.version, event)
        await publish_change(ctx, conversation_id, change.seq, deleted=True)
    return event


async def _body(ctx: Ctx, db: Db, conversation_id: UUID, id: UUID, content: str) -> str:
    """Return what is stored for a text: if it is what the message says already, what is stored."""
    if not ctx.policy.seals_messages:
        return content
    stored, sealing = await STORED(db, conversation_id, id) or "", ctx.resources.sealing
    if sealing.shown(stored) == content:
        return stored.partition(" ")[0] if stored != content else content
    return sealing.seal(ctx.policy.name, BODY, id, content)


async def _require_author(ctx: Ctx, conversation_id: UUID, id: UUID, *, deleted: bool = False) -> None:
    await require_member(ctx, conversation_id)
    author = found(await AUTHOR(ctx.db, conversation_id, id), errors.MESSAGE_NOT_FOUND.error())
    if author.deleted_at and not deleted:
        raise errors.MESSAGE_NOT_FOUND.error("This message has been deleted")
    if author.sender_id != ctx.user.id or author.kind != "text":
        raise errors.FORBIDDEN.error("Only one's own messages can be changed")
