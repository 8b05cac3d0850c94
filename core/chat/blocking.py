"""Blocking: neither user can contact the other, except in groups of which both are members.

Their conversation of two becomes read-only on all hubs at once: the log refuses messages (append_messages), and rooms are
notified to reload. Neither gets invitations, mails, pushes or notifications from the other, nor sees whether the other is
online.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from core.base import clock, errors
from core.base.events import UserBlocked, UserOffline
from core.base.paging import CursorPagination, CursorQuery, Position, cursor_pagination, page_of
from core.base.people import Person
from core.chat import invitations
from core.chat.conversations import LOCK_PAIR, pair_key
from core.limits.budget import Rate
from core.platform.db import Many, Run, Scalar
from core.work import rate_limits as limits
from core.work.context import Ctx
from core.work.personal_data import PersonalData, rows_of
from core.work.unit_of_work import UnitOfWork, unit_of_work

MOST: Final = 10_000  # of one user
BLOCKS: Final = Rate("blocks", 100, 60 * 60)  # of one user, and unblocking: each makes all hubs reload a conversation


class BlockRow(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    avatar_url: str | None
    blocked_at: datetime


class BlockView(msgspec.Struct, frozen=True, rename="camel"):
    """Somebody whom the caller has blocked."""

    user: Person
    blocked_at: datetime


class UserId(msgspec.Struct, frozen=True):
    id: UUID


class Seen(msgspec.Struct, frozen=True):
    """When a user was last seen, if known."""

    user_id: UUID
    at: datetime


# An inviter holds a lock on their own row (invitations.lock_caller): either they see the block, or their invitation is seen
# here.
LOCK_BOTH = Many(UserId, "select id from users where id = any ($1::uuid[]) order by id for no key update")
INSERT = Scalar(
    UUID,
    """
    insert into blocks (user_id, blocked_id, created_at)
    select $1, u.id, $4 from users u where u.id = $2 and u.market = $3 and u.deleted_at is null for key share
    on conflict do nothing returning blocked_id""",
)
DELETE = Scalar(UUID, "delete from blocks where user_id = $1 and blocked_id = $2 returning blocked_id")
COUNT = Scalar(int, "select count(*) from blocks where user_id = $1")
LIST_OF_USER = Many(
    BlockRow,
    """
    select u.id, u.name, u.avatar_url, b.created_at as blocked_at from blocks b join users u on u.id = b.blocked_id
    where b.user_id = $1 and (b.created_at, b.blocked_id) < ($4, $5)
    order by b.created_at desc, b.blocked_id desc limit $2 offset $3""",
)
EXISTS_IN_MARKET = Scalar(UUID, "select id from users where id = $1 and market = $2 and deleted_at is null")
# Blocks between the two members of a conversation are read after both are locked: see LOCK_PAIR.
SET_PAIR = Scalar(
    UUID,
    """
    update conversations set is_blocked = exists (
        select from blocks where user_id = $3 and blocked_id = $4 or user_id = $4 and blocked_id = $3
    ) where market = $1 and pair_key = $2 returning id""",
)
SEEN = Many(
    Seen, "select id as user_id, coalesce(last_seen_at, created_at) as at from users where id = any ($1::uuid[])"
)
PERSONAL_DATA = PersonalData(
    "blocks",
    frozenset({"blocks"}),
    # Blocks by others are not exported: they are the others' data.
    rows_of("select blocked_id, created_at from blocks where user_id = $1 order by created_at"),
    last=(Run("delete from blocks where user_id = $1 or blocked_id = $1"),),
)


async def list_of_user(ctx: Ctx, query: CursorQuery) -> tuple[list[BlockView], CursorPagination]:
    """Return one page of the users whom the caller has blocked, latest first."""
    rows = await LIST_OF_USER(ctx.db, ctx.user.id, *query.bounds)
    page = page_of(query, rows, lambda row: Position(row.blocked_at, row.id))
    views = [BlockView(Person(row.id, row.name, row.avatar_url), row.blocked_at) for row in page.rows]
    return views, cursor_pagination(query, await COUNT(ctx.db, ctx.user.id) or 0, page.next_cursor)


async def block(ctx: Ctx, user_id: UUID) -> None:
    """Block a user; a repeat changes nothing.

    Raises USER_NOT_FOUND, RATE_LIMITED, VALIDATION_ERROR: oneself, or too many.
    """
    if user_id == ctx.user.id:
        raise errors.invalid("userId", "Must be another user")
    if await EXISTS_IN_MARKET(ctx.db, user_id, ctx.policy.name) is None:
        raise errors.USER_NOT_FOUND.error()
    if (await COUNT(ctx.db, ctx.user.id) or 0) >= MOST:
        raise errors.invalid("userId", f"At most {MOST:,} users can be blocked")
    await limits.take(ctx, BLOCKS, str(ctx.user.id))
    async with unit_of_work(ctx) as work:
        await LOCK_PAIR(work.db, pair_key(ctx.user.id, user_id))
        await LOCK_BOTH(work.db, [ctx.user.id, user_id])
        if not await INSERT(work.db, ctx.user.id, user_id, ctx.policy.name, clock.now()):
            return
        pair = await _set_pair(ctx, work, user_id)
        await invitations.withdraw_between(work, user_id, ctx.user.id)
        await invitations.withdraw_between(work, ctx.user.id, user_id)
        for seen in await SEEN(work.db, [ctx.user.id, user_id]):
            listener = user_id if seen.user_id == ctx.user.id else ctx.user.id
            work.emit([listener], UserOffline(seen.user_id, seen.at))
        await _say(ctx, work, user_id, is_blocked=True)
    _reload_rooms(ctx, pair)


async def unblock(ctx: Ctx, user_id: UUID) -> None:
    """Unblock a user, whether or not they still block the caller; a repeat changes nothing. Raises RATE_LIMITED."""
    await limits.take(ctx, BLOCKS, str(ctx.user.id))
    async with unit_of_work(ctx) as work:
        await LOCK_PAIR(work.db, pair_key(ctx.user.id, user_id))
        if not await DELETE(work.db, ctx.user.id, user_id):
            return
        pair = await _set_pair(ctx, work, user_id)
        await _say(ctx, work, user_id, is_blocked=False)
    _reload_rooms(ctx, pair)


async def _set_pair(ctx: Ctx, work: UnitOfWork, user_id: UUID) -> UUID | None:
    return await SET_PAIR(work.db, ctx.policy.name, pair_key(ctx.user.id, user_id), ctx.user.id, user_id)


async def _say(ctx: Ctx, work: UnitOfWork, user_id: UUID, *, is_blocked: bool) -> None:
    await work.record("user.block" if is_blocked else "user.unblock", user_id)
    work.emit([ctx.user.id], UserBlocked(user_id, is_blocked))


def _reload_rooms(ctx: Ctx, pair: UUID | None) -> None:
    """Make all hubs reload the state. If this is lost, only typing leaks until the sweep of the rooms notices it."""
    if pair:
        ctx.publisher.resync(pair)
