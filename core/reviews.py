"""Reviews of users by users, one per context, and their summary. The marketplace decides who may review."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from core.base import clock, errors
from core.base.paging import CursorQuery, Position, Rows, page_of
from core.base.people import Person
from core.platform.db import Connection, Db, Many, One, Run, Scalar, found
from core.work.context import Ctx
from core.work.personal_data import PersonalData, rows_of

Stars = Annotated[int, Meta(ge=1, le=5)]


class Review(msgspec.Struct, frozen=True):
    """A review; `context_id` is what it is about besides its subject, as the marketplace says."""

    id: UUID
    subject_id: UUID
    context_id: UUID | None
    rating: int
    text: str
    created_at: datetime
    updated_at: datetime
    author_id: UUID
    author_name: str
    author_avatar_url: str | None

    @property
    def author(self) -> Person:
        return Person(self.author_id, self.author_name, self.author_avatar_url)


class Summary(msgspec.Struct, frozen=True):
    """All reviews of a subject: `average` with one decimal (0: there are none), and how many gave how many stars."""

    average: float
    total: int
    five: int
    four: int
    three: int
    two: int
    one: int

    @property
    def distribution(self) -> dict[int, int]:
        return {5: self.five, 4: self.four, 3: self.three, 2: self.two, 1: self.one}


_REVIEW = """
    select r.id, r.subject_id, r.context_id, r.rating, r.text, r.created_at, r.updated_at,
        r.author_id, u.name as author_name, u.avatar_url as author_avatar_url
    from reviews r join users u on u.id = r.author_id"""
PAGE = Many(
    Review,
    f"""{_REVIEW} where r.subject_id = $1 and r.deleted_at is null and (r.created_at, r.id) < ($4, $5)
    order by r.created_at desc, r.id desc limit $2 offset $3""",
)
SUMMARY = One(
    Summary,
    """
    select coalesce(round(avg(rating), 1), 0)::float8 as average, count(*) as total,
        count(*) filter (where rating = 5) as five, count(*) filter (where rating = 4) as four,
        count(*) filter (where rating = 3) as three, count(*) filter (where rating = 2) as two,
        count(*) filter (where rating = 1) as one
    from reviews where subject_id = $1 and deleted_at is null""",
)
REVIEW = One(Review, f"{_REVIEW} where r.id = $1")
LOCKED = One(Review, f"{_REVIEW} where r.id = $1 and u.market = $2 and r.deleted_at is null for update of r")
INSERT = Scalar(
    UUID,
    """
    insert into reviews (id, subject_id, author_id, context_id, rating, text, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $7)
    on conflict (subject_id, author_id, context_id) where deleted_at is null do nothing returning id""",
)
UPDATE = Run("update reviews set rating = $2, text = $3, updated_at = $4 where id = $1")
DELETE = Run("update reviews set deleted_at = $2 where id = $1")
ADD_UP = Run(
    """
    insert into ratings as r (subject_id, rating_sum, rating_count) values ($1, $2, $3)
    on conflict (subject_id) do update set rating_sum = r.rating_sum + excluded.rating_sum,
        rating_count = r.rating_count + excluded.rating_count"""
)
PERSONAL_DATA = PersonalData(
    "reviews",
    frozenset({"reviews", "ratings"}),
    rows_of(
        """
        select id, subject_id, author_id, context_id, rating, text, created_at, updated_at
        from reviews where subject_id = $1 and deleted_at is null or author_id = $1"""
    ),
    (
        Run("update reviews set text = '', deleted_at = coalesce(deleted_at, now()) where subject_id = $1"),
        Run("update reviews set text = '' where author_id = $1 and deleted_at is not null"),
        Run("delete from ratings where subject_id = $1"),
    ),
    kept="What she wrote about others, without her name.",
)


async def summary_of(db: Db, subject_id: UUID) -> Summary:
    """Return the summary of all reviews of a user."""
    return found(await SUMMARY(db, subject_id), errors.INTERNAL_ERROR.error())


async def list_about(db: Db, subject_id: UUID, query: CursorQuery) -> Rows[Review]:
    """Return one page of a user's reviews, latest first."""
    rows = await PAGE(db, subject_id, *query.bounds)
    return page_of(query, rows, lambda row: Position(row.created_at, row.id))


async def write(
    ctx: Ctx, db: Connection, subject_id: UUID, context_id: UUID | None, rating: int, text: str
) -> Review | None:
    """Store the caller's review of a user; None if there is one in this context already."""
    id = await INSERT(db, ctx.new_id(), subject_id, ctx.user.id, context_id, rating, text, clock.now())
    if id is None:
        return None
    await ADD_UP(db, subject_id, rating, 1)
    return await REVIEW(db, id)


async def own(ctx: Ctx, db: Connection, id: UUID, to_do: str) -> Review:
    """Lock a review that the caller wrote until the commit; raises REVIEW_NOT_FOUND, FORBIDDEN."""
    review = found(await LOCKED(db, id, ctx.policy.name), errors.REVIEW_NOT_FOUND.error())
    if review.author_id != ctx.user.id:
        raise errors.FORBIDDEN.error(f"Can only {to_do} own reviews")
    return review


async def change(db: Connection, before: Review, rating: int, text: str) -> Review:
    """Change rating and text of a locked review; without a difference it stays as it is."""
    if (rating, text) == (before.rating, before.text):
        return before
    await UPDATE(db, before.id, rating, text, clock.now())
    await ADD_UP(db, before.subject_id, rating - before.rating, 0)
    return found(await REVIEW(db, before.id), errors.REVIEW_NOT_FOUND.error())


async def delete(db: Connection, review: Review) -> None:
    """Delete a locked review; its author may write another."""
    await DELETE(db, review.id, clock.now())
    await ADD_UP(db, review.subject_id, -review.rating, -1)
