"""Muting: messages are delivered, but cause no notification, mail or push, until a given time or forever.

SQL decides what is quiet (is_quiet), wherever a notification is stored or sent.
"""

from datetime import datetime
from typing import Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from core.accounts.identity import role_of
from core.base import clock, errors
from core.base.events import MuteChanged
from core.base.paging import CursorPagination, CursorQuery, Position, cursor_pagination, page_of
from core.base.people import Person
from core.chat.membership import require_member
from core.platform.db import Many, Run, Scalar
from core.work.context import Ctx
from core.work.personal_data import PersonalData, rows_of
from core.work.unit_of_work import unit_of_work

Kind: TypeAlias = Literal["user", "conversation"]
MOST: Final = 10_000  # of one user


class MuteRow(msgspec.Struct, frozen=True):
    muted_id: UUID
    kind: Kind
    until: datetime | None
    name: str | None
    avatar_url: str | None
    muted_at: datetime


class Mute(msgspec.Struct, frozen=True, rename="camel"):
    """What the caller has muted: a user or a conversation. Without `until` it is for good."""

    kind: Kind
    user: Person | None
    conversation_id: UUID | None
    until: datetime | None
    muted_at: datetime


SET = Run(
    """
    insert into mutes (user_id, muted_id, kind, until, created_at) values ($1, $2, $3, $4, $5)
    on conflict (user_id, muted_id) do update set until = excluded.until, created_at = excluded.created_at"""
)
DELETE = Scalar(UUID, "delete from mutes where user_id = $1 and muted_id = $2 and kind = $3 returning muted_id")
COUNT = Scalar(int, "select count(*) from mutes where user_id = $1 and (until is null or until > $2)")
LIST_OF_USER = Many(
    MuteRow,
    """
    select m.muted_id, m.kind, m.until, u.name, u.avatar_url, m.created_at as muted_at
    from mutes m left join users u on u.id = m.muted_id and m.kind = 'user'
    where m.user_id = $1 and (m.until is null or m.until > $2) and (m.created_at, m.muted_id) < ($5, $6)
    order by m.created_at desc, m.muted_id desc limit $3 offset $4""",
)
# Mutes that expired before a time ($1), at most $2.
FORGET = Run(
    """
    delete from mutes where (user_id, muted_id) in (
        select user_id, muted_id from mutes where until < $1 order by until limit $2
    )"""
)
PERSONAL_DATA = PersonalData(
    "mutes",
    frozenset({"mutes"}),
    rows_of("select muted_id, kind, until, created_at from mutes where user_id = $1 order by created_at"),
    last=(Run("delete from mutes where user_id = $1 or muted_id = $1"),),
)


async def list_of_user(ctx: Ctx, query: CursorQuery) -> tuple[list[Mute], CursorPagination]:
    """Return one page of the caller's mutes, latest first."""
    now = clock.now()
    rows = await LIST_OF_USER(ctx.db, ctx.user.id, now, *query.bounds)
    page = page_of(query, rows, lambda row: Position(row.muted_at, row.muted_id))
    total = await COUNT(ctx.db, ctx.user.id, now) or 0
    return [_view(row) for row in page.rows], cursor_pagination(query, total, page.next_cursor)


async def mute_conversation(ctx: Ctx, id: UUID, until: datetime | None) -> None:
    """Mute a conversation of the caller; raises CONVERSATION_NOT_FOUND, NOT_A_MEMBER, VALIDATION_ERROR."""
    await require_member(ctx, id)
    await _mute(ctx, "conversation", id, until)


async def mute_user(ctx: Ctx, id: UUID, until: datetime | None) -> None:
    """Mute a user everywhere; raises USER_NOT_FOUND, VALIDATION_ERROR."""
    await role_of(ctx, id)
    await _mute(ctx, "user", id, until)


async def unmute(ctx: Ctx, kind: Kind, id: UUID) -> None:
    """Unmute a user or a conversation; a repeat changes nothing."""
    async with unit_of_work(ctx) as work:
        if await DELETE(work.db, ctx.user.id, id, kind):
            work.emit([ctx.user.id], MuteChanged(kind, id, is_muted=False, until=None))


async def _mute(ctx: Ctx, kind: Kind, id: UUID, until: datetime | None) -> None:
    now = clock.now()
    if until is not None and until <= now:
        raise errors.invalid("until", "Must be in the future")
    if (await COUNT(ctx.db, ctx.user.id, now) or 0) >= MOST:
        raise errors.invalid("until", f"At most {MOST:,} can be muted")
    async with unit_of_work(ctx) as work:
        await SET(work.db, ctx.user.id, id, kind, until, now)
        work.emit([ctx.user.id], MuteChanged(kind, id, is_muted=True, until=until))


def _view(row: MuteRow) -> Mute:
    is_user = row.kind == "user"
    user = Person(row.muted_id, row.name or "", row.avatar_url) if is_user else None
    return Mute(row.kind, user, None if is_user else row.muted_id, row.until, row.muted_at)
