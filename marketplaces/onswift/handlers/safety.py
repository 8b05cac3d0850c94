"""What users do about others: blocking them."""

from uuid import UUID

from core import blocking
from core.context import Ctx
from core.paging import PageQuery, pagination
from marketplaces.onswift.structs.safety import BlockPage


async def list_blocks(ctx: Ctx, query: PageQuery) -> BlockPage:
    """Get whom the user has blocked, the latest first"""
    page, total = await blocking.list_of_user(ctx, query)
    return BlockPage(page, pagination(query, total))


async def block_user(ctx: Ctx, user_id: UUID) -> None:
    """Block a user: the two cannot write to or invite each other, nor see whether the other is online; groups go on"""
    await blocking.block(ctx, user_id)


async def unblock_user(ctx: Ctx, user_id: UUID) -> None:
    """Block a user no more"""
    await blocking.unblock(ctx, user_id)
