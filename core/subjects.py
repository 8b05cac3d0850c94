"""Conversations of the people of something: of a project, a booking. Who is in them follows from that, not from the members."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from core import conversations
from core.context import Ctx
from core.conversations import ADD_MEMBERS, LOCK, REMOVE_MEMBER
from core.db import Run, Scalar
from core.events import ConversationCreated
from core.ids import uuid7
from core.unit_of_work import UnitOfWork


class Subject(msgspec.Struct, frozen=True):
    """What a conversation is about; `type` is a word for people: "project"."""

    type: str
    id: UUID


CREATE = Scalar(
    UUID,
    """
    insert into conversations (id, market, kind, title, created_by, subject_type, subject_id)
    values ($1, $2, 'group', $3, $4, $5, $6)
    on conflict (market, subject_type, subject_id) where subject_id is not null do nothing returning id""",
)
CONVERSATION = Scalar(UUID, "select id from conversations where market = $1 and subject_type = $2 and subject_id = $3")
RENAME = Run("update conversations set title = $4 where market = $1 and subject_type = $2 and subject_id = $3")


async def converse(
    ctx: Ctx, work: UnitOfWork, subject: Subject, title: str, owner_id: UUID, user_ids: Sequence[UUID]
) -> tuple[UUID, bool]:
    """Return the conversation of a subject's people, and whether it was made now."""
    created = await CREATE(work.db, uuid7(), ctx.market, title, owner_id, subject.type, subject.id)
    if created is None:
        existing = await _conversation(ctx, work, subject)
        assert existing, "a conversation that could not be made is there"  # noqa: S101
        return existing, False
    await ADD_MEMBERS(work.db, created, [owner_id], "owner", ctx.market, ctx.user.id)
    await ADD_MEMBERS(work.db, created, list(user_ids), "member", ctx.market, ctx.user.id)
    work.emit([owner_id, *user_ids], ConversationCreated(created))
    return created, True


async def join(ctx: Ctx, work: UnitOfWork, subject: Subject, user_id: UUID) -> None:
    """Let someone new into the conversation of a subject's people, if they have one."""
    if id := await _conversation(ctx, work, subject):
        await LOCK(work.db, id)
        added = await ADD_MEMBERS(work.db, id, [user_id], "member", ctx.market, ctx.user.id)
        await conversations.say_joined(ctx, work, id, added)


async def leave(ctx: Ctx, work: UnitOfWork, subject: Subject, user_id: UUID) -> None:
    """Take someone out of the conversation of a subject's people, if they have one."""
    if id := await _conversation(ctx, work, subject):
        await LOCK(work.db, id)
        if gone := await REMOVE_MEMBER(work.db, id, user_id):
            await conversations.say_left(ctx, work, id, gone)


async def close(ctx: Ctx, work: UnitOfWork, subject: Subject, template: str) -> None:
    """Close the conversation of the people of a subject that is gone, if they have one; `template` says why, by "{actor}"."""
    if id := await _conversation(ctx, work, subject):
        await conversations.close(ctx, work, id, template)


async def rename(ctx: Ctx, work: UnitOfWork, subject: Subject, title: str) -> None:
    """Give the conversation of a subject's people the subject's new name."""
    await RENAME(work.db, ctx.market, subject.type, subject.id, title)


async def _conversation(ctx: Ctx, work: UnitOfWork, subject: Subject) -> UUID | None:
    return await CONVERSATION(work.db, ctx.market, subject.type, subject.id)
