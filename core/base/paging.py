"""Pages of lists: which one is requested, and its position among all.

A cursor is the position of the last entry of a page: its sort key and id. So insertions and deletions do not shift entries
from one page to another; an entry whose own position changes may be shown twice, or be missed.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from core.base import cursors

Row = TypeVar("Row")
Place = TypeVar("Place", bound=msgspec.Struct)
PageNumber = Annotated[int, Meta(ge=1, le=1_000_000)]
Limit = Annotated[int, Meta(ge=1, le=100)]
# As encoded by cursors.encode; it may contain a name.
Cursor = Annotated[str, Meta(max_length=2048, pattern=r"^[A-Za-z0-9_-]*$", extra={"words": cursors.NOT_OURS})]


class PageQuery(msgspec.Struct, frozen=True, rename="camel"):
    """The part of a query that chooses a page; queries of lists extend it."""

    page: PageNumber = 1
    limit: Limit = 20

    @property
    def offset(self) -> int:
        """How many entries come before the page."""
        return (self.page - 1) * self.limit


class Position(msgspec.Struct, frozen=True, array_like=True):
    """The position of an entry in a list, latest first."""

    at: datetime
    id: UUID


# Before the first entry.
BEGINNING = Position(datetime(9999, 12, 31, tzinfo=UTC), UUID(int=2**128 - 1))


class AfterQuery(msgspec.Struct, frozen=True, rename="camel"):
    """What comes after a page of a list that grows at its beginning: `cursor` is the `nextCursor` of that page."""

    cursor: Cursor | None = None
    limit: Limit = 20

    @property
    def after(self) -> Position:
        """The last entry of the page before; raises VALIDATION_ERROR."""
        return _position(self.cursor)


class CursorQuery(PageQuery, frozen=True, rename="camel"):
    """A page of a list that grows: `cursor`, the `nextCursor` of the page before, shows nothing twice and leaves nothing out.

    With it `page` counts for nothing.
    """

    cursor: Cursor | None = None

    @property
    def after(self) -> Position:
        """The last entry of the page before; raises VALIDATION_ERROR."""
        return _position(self.cursor)

    def place(self, kind: type[Place]) -> Place | None:
        """Return the position of that entry in a list with another order; None: the first page."""
        return None if self.cursor is None else cursors.decode(self.cursor, kind)

    @property
    def window(self) -> tuple[int, int]:
        """Arguments of a query: one entry more than the limit, and how many to skip after a position."""
        return self.limit + 1, 0 if self.cursor else self.offset

    @property
    def bounds(self) -> tuple[int, int, datetime, UUID]:
        """Arguments of a query: its window, and the position."""
        after = self.after
        return *self.window, after.at, after.id


class Pagination(msgspec.Struct, frozen=True, rename="camel"):
    """Where a page is among all pages."""

    page: int
    limit: int
    total: int
    total_pages: int
    has_next: bool
    has_prev: bool


class CursorPagination(Pagination, frozen=True, rename="camel"):
    """Likewise; `nextCursor` asks for what comes after this page, None: nothing does."""

    next_cursor: str | None


class Rows(msgspec.Struct, Generic[Row], frozen=True):
    """The rows of a page, and the cursor of the next one."""

    rows: list[Row]
    next_cursor: str | None


def _position(cursor: str | None) -> Position:
    if cursor is None:
        return BEGINNING
    place = cursors.decode(cursor, Position)
    if place.at.tzinfo is None:
        raise cursors.not_ours()
    return place


def page_of(query: CursorQuery | AfterQuery, rows: Sequence[Row], place: Callable[[Row], msgspec.Struct]) -> Rows[Row]:
    """Return the first page of rows: the query has returned one more than the limit, if there are more."""
    shown = list(rows[: query.limit])
    return Rows(shown, cursors.encode(place(shown[-1])) if len(rows) > query.limit else None)


def cursor_pagination(query: CursorQuery, total: int, next_cursor: str | None) -> CursorPagination:
    """Return the position of the requested page among `total` entries, and the cursor of the next one."""
    where = pagination(query, total)
    return CursorPagination(
        where.page, where.limit, total, where.total_pages, next_cursor is not None, where.has_prev, next_cursor
    )


def pagination(query: PageQuery, total: int) -> Pagination:
    """Return the position of the requested page among all pages of `total` entries."""
    pages = -(-total // query.limit)
    return Pagination(query.page, query.limit, total, pages, has_next=query.page < pages, has_prev=query.page > 1)
