"""The parts of a marketplace, as plain data that api, hub and workers read. Independent of HTTP servers."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace

import msgspec

from core.base.errors import FILE_TOO_LARGE, VERIFICATION_REQUIRED, ErrorCode
from core.base.events import ClientEvent
from core.limits.weights import Weight
from core.market.dialect import DEFAULT, Dialect
from core.market.traits import Handler, traits_of
from core.platform import cache_tags
from core.work.context import Ctx
from core.work.policy import Policy

Roles = frozenset[str]  # names chosen by the marketplace: core does not interpret them

PUBLIC = None  # instead of Roles: no authentication required


@dataclass(frozen=True, slots=True)
class FilePart:
    """Files in a multipart call: each part with this name is uploaded for a purpose, and its address becomes a field of `body`.

    `too_large`: the error for a file that is too large, which differs between marketplaces.
    """

    name: str
    field: str
    purpose: str
    many: bool = False
    too_large: ErrorCode = FILE_TOO_LARGE


@dataclass(frozen=True, slots=True)
class Cache:
    """For how many seconds the answers of a call are shared, and what they depend on: see `cached`."""

    seconds: int
    tags: tuple[str, ...]
    by_role: bool
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """One row of a marketplace's table of calls.

    `path` has the names of parameters that clients see; `handler` takes them in snake_case, after the Ctx. It may also take
    `body` (a struct, from JSON) or `raw` (a RawBody), and `query` (a struct, from the query string). It returns a struct, a Text,
    a JsonFile, None (204) or an Answer.
    `is_at_root`: the path begins at the root of the host, not behind the marketplace's prefixes.
    `uploads`: the call may also be multipart/form-data, whose other parts are the fields of `body`.
    `ends_login`: the call ends the caller's session.
    `weight`: the cost of the call in the caller's `messages` rate, which sockets share; see core/limits/weights.py.
    `searches_messages`: left out in markets with sealed messages.
    `scope`: API keys with this scope may make the call; "": none may.
    `verified`: the kind of verification that the caller needs; "": none. See core/verification.
    `cache`: its answers are the same for all callers, and kept for a while.
    `keeps_answer`: a repeat with the same Idempotency-Key gets the stored answer; see core/work/idempotency.py.
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
    verified: str = ""
    cache: Cache | None = None


@dataclass(frozen=True, slots=True)
class SocketEvent:
    """One row of a marketplace's table of events from clients: `handler` takes the Ctx and the event, and returns the ack."""

    event: type[ClientEvent]
    answer: type[msgspec.Struct]
    handler: Callable[..., Coroutine[None, None, msgspec.Struct]]


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """A task that the workers run at given minutes of each hour, and when they start. It is idempotent."""

    name: str
    minutes: frozenset[int]
    run: Callable[[Ctx], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Marketplace:
    """The manifest of a marketplace: policy, routes, events, periodic tasks and dialect.

    `prefixes`: path prefixes; all routes are served under each of them.
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
    """Do something other than a creation, or something idempotent by itself; the first status is the usual one."""
    return _route("POST", path, handler, who, errors, statuses, uploads, weight)


def put(path: str, handler: Handler, who: Roles | None, *errors: ErrorCode, weight: Weight | None = None) -> Route:
    """Change, idempotently."""
    return _route("PUT", path, handler, who, errors, (200,), (), weight)


def patch(path: str, handler: Handler, who: Roles | None, *errors: ErrorCode, weight: Weight | None = None) -> Route:
    """Change only the fields that are given, in marketplaces that use this verb."""
    return _route("PATCH", path, handler, who, errors, (200,), (), weight)


def at_root(route: Route) -> Route:
    """Return the route of a call whose path begins at the root of the host."""
    return replace(route, is_at_root=True)


def by_key(route: Route, scope: str) -> Route:
    """Return the route of a call that programs may make, too, with an API key for this scope."""
    return replace(route, scope=scope)


def by_verified(route: Route, kind: str) -> Route:
    """Return the route of a call that only users may make who are verified so."""
    return replace(route, verified=kind, errors=(*route.errors, VERIFICATION_REQUIRED))


def cached(route: Route, seconds: int, *tags: str, by_role: bool = False, languages: tuple[str, ...] = ()) -> Route:
    """Return the route of a GET whose answers callers share, for so many seconds or until `work.drop` of one of the tags.

    The handler does not get to know its caller: `ctx.user` raises. `ctx.role` is the caller's if the answer depends on it
    (`by_role`), `ctx.language` that of `languages` which the caller prefers.
    """
    if route.method != "GET" or not 0 < seconds <= cache_tags.LONGEST:
        raise ValueError(f"{route.method} {route.path} cannot be cached for {seconds} s")
    return replace(route, cache=Cache(seconds, tags, by_role, languages))


def delete(
    path: str,
    handler: Handler,
    who: Roles | None,
    *errors: ErrorCode,
    also: tuple[int, ...] = (),
    weight: Weight | None = None,
) -> Route:
    """Delete; `also`: further statuses, of answers with a body."""
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
    """Return a row, including the traits declared at its handler."""
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
