"""The lists of open invitations: of a user, and of a group."""

from datetime import datetime
from uuid import UUID

import msgspec

from core.base.events import Invitation
from core.base.paging import CursorPagination, CursorQuery, Position, cursor_pagination, page_of
from core.base.people import Person
from core.chat import membership
from core.platform.db import Many, Scalar
from core.work.context import Ctx


class InvitationRow(msgspec.Struct, frozen=True):
    id: UUID
    conversation_id: UUID
    title: str
    inviter_id: UUID
    inviter_name: str
    inviter_avatar_url: str | None
    member_count: int
    created_at: datetime


class PendingRow(msgspec.Struct, frozen=True):
    id: UUID
    user_id: UUID
    user_name: str
    user_avatar_url: str | None
    inviter_id: UUID
    inviter_name: str
    inviter_avatar_url: str | None
    created_at: datetime


class Pending(msgspec.Struct, frozen=True, rename="camel"):
    """Someone who is invited to a group and has not answered, as its members see it."""

    user: Person
    invited_by: Person
    created_at: datetime


_OPEN = """
    select i.id, i.conversation_id, c.title, u.id as inviter_id, u.name as inviter_name, u.avatar_url as inviter_avatar_url,
        (select count(*) from members m where m.conversation_id = c.id and m.left_at is null) as member_count, i.created_at
    from invitations i join conversations c on c.id = i.conversation_id join users u on u.id = i.invited_by
    where i.answer is null"""
LIST_OF_USER = Many(
    InvitationRow,
    _OPEN + " and i.user_id = $1 and i.id < $4 order by i.id desc limit $2 offset $3",
)
COUNT_OF_USER = Scalar(int, "select count(*) from invitations where user_id = $1 and answer is null")
OPEN_AMONG = Many(InvitationRow, _OPEN + " and i.id = any ($1::uuid[])")
LIST_OF_GROUP = Many(
    PendingRow,
    """
    select i.id, u.id as user_id, u.name as user_name, u.avatar_url as user_avatar_url,
        b.id as inviter_id, b.name as inviter_name, b.avatar_url as inviter_avatar_url, i.created_at
    from invitations i join users u on u.id = i.user_id join users b on b.id = i.invited_by
    where i.conversation_id = $1 and i.answer is null and i.id < $4 order by i.id desc limit $2 offset $3""",
)
COUNT_OF_GROUP = Scalar(int, "select count(*) from invitations where conversation_id = $1 and answer is null")


async def list_of_user(ctx: Ctx, query: CursorQuery) -> tuple[list[Invitation], CursorPagination]:
    """Return one page of the caller's open invitations, latest first."""
    limit, start, _, after = query.bounds
    rows = await LIST_OF_USER(ctx.db, ctx.user.id, limit, start, after)
    page = page_of(query, rows, lambda row: Position(row.created_at, row.id))
    total = await COUNT_OF_USER(ctx.db, ctx.user.id) or 0
    return [view(row) for row in page.rows], cursor_pagination(query, total, page.next_cursor)


async def list_of_group(ctx: Ctx, conversation_id: UUID, query: CursorQuery) -> tuple[list[Pending], CursorPagination]:
    """Return one page of the users invited to a group of the caller, latest first."""
    await membership.require_member(ctx, conversation_id)
    limit, start, _, after = query.bounds
    rows = await LIST_OF_GROUP(ctx.db, conversation_id, limit, start, after)
    page = page_of(query, rows, lambda row: Position(row.created_at, row.id))
    total = await COUNT_OF_GROUP(ctx.db, conversation_id) or 0
    return [_pending(row) for row in page.rows], cursor_pagination(query, total, page.next_cursor)


def view(row: InvitationRow) -> Invitation:
    """Return an invitation as its user sees it."""
    inviter = Person(row.inviter_id, row.inviter_name, row.inviter_avatar_url)
    return Invitation(row.id, row.conversation_id, row.title, inviter, row.member_count, row.created_at)


def _pending(row: PendingRow) -> Pending:
    return Pending(
        Person(row.user_id, row.user_name, row.user_avatar_url),
        Person(row.inviter_id, row.inviter_name, row.inviter_avatar_url),
        row.created_at,
    )
