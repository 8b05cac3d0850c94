"""Reviews. Who may write one, of whom and about what is a marketplace's rule, so most calls are its own."""

from uuid import UUID

from core import reviews
from core.base.errors import REVIEW_NOT_FOUND
from core.market.traits import call
from core.work.context import Ctx
from core.work.unit_of_work import unit_of_work


@call(REVIEW_NOT_FOUND)
async def delete_review(ctx: Ctx, review_id: UUID) -> None:
    """Take back an own review"""
    async with unit_of_work(ctx) as work:
        await reviews.delete(work.db, await reviews.own(ctx, work.db, review_id, "delete"))
