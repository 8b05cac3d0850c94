"""Queries for blocks between users, used by everything that connects people. Blocking itself is in core/chat/blocking.py."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from core.base import errors
from core.platform.db import Db, Many


class Block(msgspec.Struct, frozen=True):
    """One user has blocked another."""

    user_id: UUID
    blocked_id: UUID


# Between user $1 and users $2, in either direction.
BETWEEN = Many(
    Block,
    """
    select user_id, blocked_id from blocks where user_id = $1 and blocked_id = any ($2::uuid[])
    union all
    select user_id, blocked_id from blocks where blocked_id = $1 and user_id = any ($2::uuid[])""",
)
# Blocks made by users $1, and those of them by others.
OF_USERS = Many(
    Block, "select user_id, blocked_id from blocks where user_id = any ($1::uuid[]) or blocked_id = any ($1::uuid[])"
)


async def reachable(db: Db, user_id: UUID, others: Sequence[UUID]) -> list[UUID]:
    """Return those of these users who have no block with a user."""
    blocked = {id for block in await BETWEEN(db, user_id, list(others)) for id in (block.user_id, block.blocked_id)}
    return [id for id in others if id == user_id or id not in blocked]


async def others_of(db: Db, user_id: UUID) -> list[UUID]:
    """Return all users who have a block with a user, in a stable order."""
    rows = await OF_USERS(db, [user_id])
    return sorted({block.blocked_id if block.user_id == user_id else block.user_id for block in rows})


async def has_blocked(db: Db, user_id: UUID, other_id: UUID) -> bool:
    """Return whether a user has blocked another."""
    return any(block.user_id == user_id for block in await BETWEEN(db, user_id, [other_id]))


async def require_none(db: Db, user_id: UUID, other_id: UUID) -> None:
    """Raise USER_UNREACHABLE if one of two users has blocked the other: both get the same message."""
    if other_id not in await reachable(db, user_id, [other_id]):
        raise errors.USER_UNREACHABLE.error()
