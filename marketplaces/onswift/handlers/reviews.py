"""Reviews: creators say what talents were like to work with."""

from uuid import UUID

from core import reviews
from core.accounts import identity
from core.base import errors
from core.base.paging import cursor_pagination
from core.limits import weights
from core.market.traits import call
from core.platform.db import found
from core.reviews import Review
from core.text.fields import changed, view_of
from core.work.context import Ctx
from core.work.unit_of_work import unit_of_work
from marketplaces.onswift import notices, rules
from marketplaces.onswift.errors import ALREADY_REVIEWED, NO_COMPLETED_PROJECT
from marketplaces.onswift.queries.reviews import COMPLETED_TOGETHER
from marketplaces.onswift.structs.reviews import (
    NewReview,
    PublicReview,
    ReviewChange,
    ReviewPage,
    ReviewQuery,
    ReviewView,
)


@call(errors.USER_NOT_FOUND)
async def list_reviews(ctx: Ctx, user_id: UUID, query: ReviewQuery) -> ReviewPage:
    """Get the reviews of a talent, the latest first, and what they add up to"""
    if await identity.role_of(ctx, user_id) != rules.TALENT:
        raise errors.USER_NOT_FOUND.error()
    summary = await reviews.summary_of(ctx.db, user_id)
    page = await reviews.list_about(ctx.db, user_id, query)
    return ReviewPage(
        average_rating=summary.average,
        total_reviews=summary.total,
        review_distribution=summary.distribution,
        reviews=[view_of(PublicReview, one, creator=one.author) for one in page.rows],
        pagination=cursor_pagination(query, summary.total, page.next_cursor),
    )


@call(NO_COMPLETED_PROJECT, ALREADY_REVIEWED, weight=weights.NOTICE)
async def create_review(ctx: Ctx, body: NewReview) -> ReviewView:
    """Review a talent with whom the creator has completed a project: this one, or any"""
    async with unit_of_work(ctx) as work:
        if not await COMPLETED_TOGETHER(work.db, ctx.user.id, body.talent_id, body.project_id):
            raise NO_COMPLETED_PROJECT.error()
        written = await reviews.write(ctx, work.db, body.talent_id, body.project_id, body.rating, body.text)
        review = found(written, ALREADY_REVIEWED.error())
        values = {"creator": review.author, "rating": review.rating}
        await work.notify(notices.REVIEW_RECEIVED, [review.subject_id], review.context_id, **values)
        return _view(review)


@call(errors.REVIEW_NOT_FOUND)
async def update_review(ctx: Ctx, review_id: UUID, body: ReviewChange) -> ReviewView:
    """Change an own review; what is not given stays"""
    async with unit_of_work(ctx) as work:
        before = await reviews.own(ctx, work.db, review_id, "update")
        after = changed(before, body)
        return _view(await reviews.change(work.db, before, after.rating, after.text))


def _view(review: Review) -> ReviewView:
    return view_of(ReviewView, review, talent_id=review.subject_id, creator=review.author, project_id=review.context_id)
