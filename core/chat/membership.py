"""Membership of conversations: changed under the conversation's lock, and checked before every action in it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from core.base import errors
from core.base.people import Person
from core.platform.db import Db, Many, One, Run, Scalar, found
from core.work.context import Ctx


class MemberId(msgspec.Struct, frozen=True):
    user_id: UUID


class Standing(msgspec.Struct, frozen=True):
    """A user's membership of an existing conversation. Conversations with a subject: see core/chat/subjects.py."""

    kind: str
    role: str | None
    subject_type: str | None
    closed_at: datetime | None
    is_blocked: bool


STANDING = One(
    Standing,
    """
    select c.kind, m.role, c.subject_type, c.closed_at, c.is_blocked from conversations c
    left join members m on m.conversation_id = c.id and m.user_id = $2 and m.left_at is null
    where c.id = $1 and c.market = $3""",
)
# Members, versions and invitations of a conversation are changed under its lock.
LOCK = Scalar(UUID, "select id from conversations where id = $1 for no key update")
# $5 is the user who adds them and counts as taking part; the others do so once they act. Earlier messages are not unread.
ADD_MEMBERS = Many(
    Person,
    """
    with added as (
        insert into members (conversation_id, user_id, role, took_part, last_read_seq)
        select $1, u.id, $3, u.id = $5, c.last_seq from users u join conversations c on c.id = $1
        where u.id = any ($2::uuid[]) and u.market = $4 and u.deleted_at is null
        on conflict (conversation_id, user_id) do update
            set left_at = null, joined_at = now(), role = excluded.role, took_part = excluded.took_part,
                left_by_choice = false, last_read_seq = greatest(members.last_read_seq, excluded.last_read_seq)
            where members.left_at is not null
        returning user_id
    )
    select u.id, u.name, u.avatar_url from added join users u on u.id = added.user_id""",
)
# $3: whether the user leaves by choice.
REMOVE_MEMBER = One(
    Person,
    """
    with removed as (
        update members set left_at = now(), left_by_choice = $3
        where conversation_id = $1 and user_id = $2 and left_at is null returning user_id
    )
    select u.id, u.name, u.avatar_url from removed join users u on u.id = removed.user_id""",
)
MEMBERS_AMONG = Many(
    MemberId,
    "select user_id from members where conversation_id = $1 and user_id = any ($2::uuid[]) and left_at is null",
)
PASS_OWNERSHIP = Run(
    """
    update members set role = 'owner' where (conversation_id, user_id) in (
        select conversation_id, user_id from members where conversation_id = $1 and left_at is null
        order by joined_at, user_id limit 1
    ) and not exists (select from members where conversation_id = $1 and left_at is null and role = 'owner')"""
)
MEMBERS_OF = Many(MemberId, "select user_id from members where conversation_id = $1 and left_at is null")


async def require_member(ctx: Ctx, id: UUID, db: Db | None = None) -> Standing:
    """Raise CONVERSATION_NOT_FOUND or NOT_A_MEMBER unless the caller is in the conversation."""
    standing = found(
        await STANDING(db or ctx.db, id, ctx.user.id, ctx.policy.name), errors.CONVERSATION_NOT_FOUND.error()
    )
    if standing.role is None:
        raise errors.NOT_A_MEMBER.error()
    return standing


async def require_open(ctx: Ctx, id: UUID) -> None:
    """Raise as require_member, and CONVERSATION_CLOSED or USER_UNREACHABLE if no more messages are accepted."""
    standing = await require_member(ctx, id)
    if standing.closed_at:
        raise errors.CONVERSATION_CLOSED.error()
    if standing.is_blocked:
        raise errors.USER_UNREACHABLE.error()


async def require_members(ctx: Ctx, id: UUID, user_ids: Sequence[UUID], db: Db | None = None) -> None:
    """Raise VALIDATION_ERROR unless all these users (of a mention) are in the conversation."""
    if await members_among(db or ctx.db, id, user_ids) != set(user_ids):
        raise not_all_members()


async def members_among(db: Db, id: UUID, user_ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these users are in a conversation."""
    return {row.user_id for row in await MEMBERS_AMONG(db, id, list(user_ids))} if user_ids else set()


def not_all_members() -> errors.AppError:
    """Return the error of a mention of someone who is not in the conversation."""
    return errors.invalid("mentions", "Only members can be mentioned")
