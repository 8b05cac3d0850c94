"""Catching up after one has been away."""

from core.messages import sync
from core.messages.sync import Changes
from core.work.context import Ctx
from marketplaces.onswift.structs.sync import SyncQuery


async def get_changes(ctx: Ctx, query: SyncQuery) -> Changes:
    """Get what changed in all of the user's conversations since a cursor, or the cursor to begin with"""
    return await sync.changes(ctx, query.cursor)
