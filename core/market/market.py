"""What a marketplace is made of: plain data that api, hub and workers read. Knows nothing of HTTP servers."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace

import msgspec

from core.base.errors import FILE_TOO_LARGE, ErrorCode
from core.base.events import ClientEvent
from core.limits.weights import Weight
from core.market.dialect import DEFAULT, Dialect
from core.market.traits import Handler, traits_of
from core.work.context import Ctx
from core.work.policy import Policy

Roles = frozenset[str]  # in the marketplace's own words: the core does not know them

PUBLIC = None  # instead of Roles: who is not logged in may call, too


@dataclass(frozen=True, slots=True)
class FilePart:
    """Files in a multipart call: each part of this name is uploaded for a purpose, its address goes to a field of `body`.

    `too_large`: what the call answers to a file that is. Documents differ in that.
    """

    name: str
    field: str
    purpose: str
    many: bool = False
    too_large: ErrorCode = FILE_TOO_LARGE


@dataclass(frozen=True, slots=True)
class Route:
    """One row of a marketplace's table of calls.

    `path` names its parameters as clients see them, `handler` takes them in snake_case, after the Ctx; besides these it may
    take `body` (a struct, from JSON) or `raw` (a RawBody), and `query` (a struct, from the query string). It returns a struct,
    a Text, a JsonFile, None (204) or an Answer.
    `is_at_root`: the path begins at the root of the host, not behind the marketplace's prefixes.
    `uploads`: the call may also come as multipart/form-data, whose other parts are the fields of `body`.
    `ends_login`: after it the caller is logged in no more.
    `weight`: what the call costs of the caller's `messages`, which her sockets pay from too; see core/limits/weights.py.
    `searches_messages`: what markets do not have whose messages are sealed.
    `scope`: programs may make the call with an API key that is for this; "": nobody may with a key.
    `keeps_answer`: repeated with its Idempotency-Key, the call is not done again; see core/work/idempotency.py.
    """

    method: str
    path: str
    handler: Handler
    who: Roles | None
    statuses: tuple[int, ...]
    errors: tuple[ErrorCode, ...]
    keeps_answer: bool = False
    uploads: tuple[FilePart, ...] = ()
    ends_login: bool = False
    weight: Weight | None = None
    searches_messages: bool = False
    is_at_root: bool = False
    scope: str = ""


@dataclass(frozen=True, slots=True)
class SocketEvent:
    """One row of a marketplace's table of events from clients: `handler` takes the Ctx and the event, and gives the answer."""

    event: type[ClientEvent]
    answer: type[msgspec.Struct]
    handler: Callable[..., Coroutine[None, None, msgspec.Struct]]


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """What the workers do by themselves at some minutes of each hour, and when they start. Harmless to repeat."""

    name: str
    minutes: frozenset[int]
    run: Callable[[Ctx], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Marketplace:
    """The manifest: its rules, its tables, what its workers do by the clock, and how it looks.

    `prefixes`: where the paths of its routes begin, behind each of which all of them are.
    """

    policy: Policy
    routes: tuple[Route, ...]
    events: tuple[SocketEvent, ...] = ()
    periodic_tasks: tuple[PeriodicTask, ...] = ()
    prefixes: tuple[str, ...] = ("",)
    dialect: Dialect = DEFAULT

    def __post_init__(self) -> None:
        if self.policy.seals_messages:
            object.__setattr__(self, "routes", tuple(one for one in self.routes if not one.searches_messages))

    @property
    def name(self) -> str:
        """Its name in the database, in addresses and settings."""
        return self.policy.name

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.policy.title


def get(path: str, handler: Handler, who: Roles | None, *errors: ErrorCode) -> Route:
    """Read."""
    return _route("GET", path, handler, who, errors, (200,))


def create(
    path: str,
    handler: Handler,
    who: Roles | None,
    *errors: ErrorCode,
    uploads: tuple[FilePart, ...] = (),
    weight: Weight | None = None,
) -> Route:
    """Create, once for each Idempotency-Key."""
    route = _route("POST", path, handler, who, errors, (201,), uploads, weight)
    return replace(route, keeps_answer=who is not None)


def post(
    path: str,
    handler: Handler,
    who: Roles | None,
    *errors: ErrorCode,
    statuses: tuple[int, ...] = (200,),
    uploads: tuple[FilePart, ...] = (),
    weight: Weight | None = None,
) -> Route:
    """Do something that is no creation, or that is safe to repeat by itself; the first status is the usual one."""
    return _route("POST", path, handler, who, errors, statuses, uploads, weight)


def put(path: str, handler: Handler, who: Roles | None, *errors: ErrorCode, weight: Weight | None = None) -> Route:
    """Change; calling it twice is harmless."""
    return _route("PUT", path, handler, who, errors, (200,), (), weight)


def patch(path: str, handler: Handler, who: Roles | None, *errors: ErrorCode, weight: Weight | None = None) -> Route:
    """Change what is given, where a marketplace has this verb for it."""
    return _route("PATCH", path, handler, who, errors, (200,), (), weight)


def at_root(route: Route) -> Route:
    """Return the route of a call whose path begins at the root of the host."""
    return replace(route, is_at_root=True)


def by_key(route: Route, scope: str) -> Route:
    """Return the route of a call that programs may make, too, with an API key for this scope."""
    return replace(route, scope=scope)


def delete(
    path: str,
    handler: Handler,
    who: Roles | None,
    *errors: ErrorCode,
    also: tuple[int, ...] = (),
    weight: Weight | None = None,
) -> Route:
    """Take away; `also` with what status if there is something to say of it."""
    return _route("DELETE", path, handler, who, errors, (204, *also), (), weight)


def _route(
    method: str,
    path: str,
    handler: Handler,
    who: Roles | None,
    errors: tuple[ErrorCode, ...],
    statuses: tuple[int, ...],
    uploads: tuple[FilePart, ...] = (),
    weight: Weight | None = None,
) -> Route:
    """Return a row, with what its handler says of itself."""
    known = traits_of(handler)
    return Route(
        method,
        path,
        handler,
        who,
        known.statuses or statuses,
        (*known.errors, *errors),
        uploads=uploads,
        ends_login=known.ends_login,
        weight=weight or known.weight,
        searches_messages=known.searches_messages,
    )
