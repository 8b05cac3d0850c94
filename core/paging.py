"""Pages of lists: which one is asked for, and where it is among all."""

from typing import Annotated

import msgspec
from msgspec import Meta

PageNumber = Annotated[int, Meta(ge=1, le=1_000_000)]
Limit = Annotated[int, Meta(ge=1, le=100)]


class PageQuery(msgspec.Struct, frozen=True, rename="camel"):
    """The part of a query that chooses a page; queries of lists extend it."""

    page: PageNumber = 1
    limit: Limit = 20

    @property
    def offset(self) -> int:
        """How many entries come before the page."""
        return (self.page - 1) * self.limit


class Pagination(msgspec.Struct, frozen=True, rename="camel"):
    """Where a page is among all pages."""

    page: int
    limit: int
    total: int
    total_pages: int
    has_next: bool
    has_prev: bool


def pagination(query: PageQuery, total: int) -> Pagination:
    """Return where the page that was asked for is among all pages of `total` entries."""
    pages = -(-total // query.limit)
    return Pagination(query.page, query.limit, total, pages, has_next=query.page < pages, has_prev=query.page > 1)
