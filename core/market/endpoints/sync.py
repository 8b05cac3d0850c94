"""Catching up after one has been away."""

from typing import Annotated

import msgspec
from msgspec import Meta

from core.messages import sync
from core.messages.sync import Changes
from core.work.context import Ctx


class SyncQuery(msgspec.Struct, frozen=True, rename="camel"):
    cursor: Annotated[str, Meta(max_length=128)] | None = None


async def get_changes(ctx: Ctx, query: SyncQuery) -> Changes:
    """Get what changed in all of the user's conversations since a cursor, or the cursor to begin with"""
    return await sync.changes(ctx, query.cursor)
