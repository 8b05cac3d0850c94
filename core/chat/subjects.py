"""Conversations about a subject, such as a project or a booking. The subject decides who may be in them, not the members.

As in any group, users whom the caller knows are added, and strangers are invited. In addition, all people of the subject may
join and leave by themselves.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from core.base.events import ConversationCreated
from core.chat import conversations, groups, invitations, membership
from core.chat.membership import ADD_MEMBERS, LOCK
from core.platform.db import Run, Scalar
from core.work.context import Ctx
from core.work.unit_of_work import UnitOfWork


class Subject(msgspec.Struct, frozen=True):
    """What a conversation is about; `type` is a word shown to users: "project"."""

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
    ctx: Ctx,
    work: UnitOfWork,
    subject: Subject,
    title: str,
    owner_id: UUID,
    user_ids: Sequence[UUID],
) -> tuple[UUID, bool]:
    """Return the conversation of a subject, and whether it was created now; the caller, one of its people, becomes a member.

    The caller and the subject are locked.
    """
    created = await CREATE(work.db, ctx.new_id(), ctx.policy.name, title, owner_id, subject.type, subject.id)
    if created is None:
        existing = await _conversation(ctx, work, subject)
        assert existing, "a conversation that could not be made is there"  # noqa: S101
        await _enter(ctx, work, existing)
        return existing, False
    await ADD_MEMBERS(work.db, created, [owner_id], "owner", ctx.policy.name, ctx.user.id)
    await ADD_MEMBERS(work.db, created, [ctx.user.id], "member", ctx.policy.name, ctx.user.id)
    others = [id for id in user_ids if id != owner_id]
    people, _ = await groups.admit(ctx, work, created, others, counted=False)
    work.emit([*{owner_id, ctx.user.id}, *(person.id for person in people)], ConversationCreated(created))
    return created, True


async def join(ctx: Ctx, work: UnitOfWork, subject: Subject, user_id: UUID) -> None:
    """Add a new person of a subject to its conversation, if there is one, or invite them. The caller is locked."""
    if id := await _conversation(ctx, work, subject):
        await LOCK(work.db, id)
        people, _ = await groups.admit(ctx, work, id, [user_id], counted=False)
        await groups.let_in(ctx, work, id, people)


async def leave(ctx: Ctx, work: UnitOfWork, subject: Subject, user_id: UUID) -> None:
    """Remove somebody who no longer belongs to a subject from its conversation, if there is one."""
    if id := await _conversation(ctx, work, subject):
        await LOCK(work.db, id)
        await invitations.withdraw(work, id, user_id, None)
        await groups.let_out(ctx, work, id, user_id)


async def close(ctx: Ctx, work: UnitOfWork, subject: Subject, template: str) -> None:
    """Close the conversation of a deleted subject, if there is one; `template` says why, with "{actor}"."""
    if id := await _conversation(ctx, work, subject):
        await conversations.close(ctx, work, id, template)


async def rename(ctx: Ctx, work: UnitOfWork, subject: Subject, title: str) -> None:
    """Rename the conversation of a subject after the subject."""
    await RENAME(work.db, ctx.policy.name, subject.type, subject.id, title)


async def _enter(ctx: Ctx, work: UnitOfWork, id: UUID) -> None:
    """Add the caller, who joins by choice."""
    standing = await membership.STANDING(work.db, id, ctx.user.id, ctx.policy.name)
    if standing is None or standing.role is None:
        await LOCK(work.db, id)
        people = await ADD_MEMBERS(work.db, id, [ctx.user.id], "member", ctx.policy.name, ctx.user.id)
        await groups.let_in(ctx, work, id, people)


async def _conversation(ctx: Ctx, work: UnitOfWork, subject: Subject) -> UUID | None:
    return await CONVERSATION(work.db, ctx.policy.name, subject.type, subject.id)
