"""Reviews that creators write about talents."""

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from core.base.paging import CursorPagination, CursorQuery
from core.base.people import Person
from core.reviews import Stars
from core.text.fields import Prose


class ReviewQuery(CursorQuery, frozen=True, rename="camel"):
    """Which page."""


class NewReview(msgspec.Struct, frozen=True, rename="camel"):
    talent_id: UUID
    rating: Stars
    text: Prose
    project_id: UUID | None = None


class ReviewChange(msgspec.Struct, frozen=True, rename="camel"):
    rating: Stars | UnsetType = UNSET
    text: Prose | UnsetType = UNSET


class ReviewView(msgspec.Struct, frozen=True, rename="camel"):
    """A review as its author sees it."""

    id: UUID
    talent_id: UUID
    creator: Person
    project_id: UUID | None
    rating: int
    text: str
    created_at: datetime
    updated_at: datetime


class PublicReview(msgspec.Struct, frozen=True, rename="camel"):
    """A review as everybody sees it: without the project, which is nobody else's business."""

    id: UUID
    creator: Person
    rating: int
    text: str
    created_at: datetime


class ReviewPage(msgspec.Struct, frozen=True, rename="camel"):
    average_rating: float
    total_reviews: int
    review_distribution: dict[int, int]
    reviews: list[PublicReview]
    pagination: CursorPagination
