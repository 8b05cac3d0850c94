"""What a marketplace is made of: plain data that api, hub and workers read. Knows nothing of HTTP servers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from core.errors import ErrorCode
from core.limits import Rate

Body = TypeVar("Body")
Handler = Callable[..., Awaitable[object]]
Roles = frozenset[str]  # in the marketplace's own words: the core does not know them

PUBLIC = None  # instead of Roles: who is not logged in may call, too


@dataclass(frozen=True, slots=True)
class Route:
    """One row of a marketplace's table of calls.

    `path` names its parameters in camelCase, `handler` takes them in snake_case, after the Ctx; besides these it may take
    `body` (a struct, from JSON) and `query` (a struct, from the query string). It returns a struct, None (204) or an Answer.
    """

    method: str
    path: str
    handler: Handler
    who: Roles | None
    statuses: tuple[int, ...]
    errors: tuple[ErrorCode, ...]


@dataclass(frozen=True, slots=True)
class Answer(Generic[Body]):
    """An answer whose status the handler chooses among those of its route."""

    status: int
    body: Body


@dataclass(frozen=True, slots=True)
class Marketplace:
    """The manifest."""

    name: str
    title: str
    routes: tuple[Route, ...]
    per_user: Rate
    per_address: Rate
    messages: Rate


def get(path: str, handler: Handler, who: Roles | None, *errors: ErrorCode) -> Route:
    """Read."""
    return Route("GET", path, handler, who, (200,), errors)


def post(path: str, handler: Handler, who: Roles | None, *errors: ErrorCode, statuses: tuple[int, ...]) -> Route:
    """Create or do; the first status is the usual one."""
    return Route("POST", path, handler, who, statuses, errors)


def put(path: str, handler: Handler, who: Roles | None, *errors: ErrorCode, status: int) -> Route:
    """Change; calling it twice is harmless."""
    return Route("PUT", path, handler, who, (status,), errors)


def delete(path: str, handler: Handler, who: Roles | None, *errors: ErrorCode) -> Route:
    """Take away."""
    return Route("DELETE", path, handler, who, (204,), errors)
