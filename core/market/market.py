"""What a marketplace is made of: plain data that api, hub and workers read. Knows nothing of HTTP servers."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from core.base.errors import FILE_TOO_LARGE, ErrorCode
from core.base.events import ClientEvent
from core.chat.groups import Acquainted, nobody
from core.files.purposes import Purpose
from core.limits.budget import Rate
from core.limits.weights import Weight
from core.market.dialect import DEFAULT, Dialect
from core.platform.db import Scalar
from core.privacy.registry import PersonalData
from core.work.context import Ctx

Handler = Callable[..., Awaitable[object]]
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
    """The manifest. `acquainted`: which users work together, so that one may put the other into a group.

    `seals_messages`: the words of messages are stored nowhere beside them, so there is no search in them.

    Calls are limited by `per_user`; those without a login by `per_holder`, if they show a token of ours (api/shown.py), else for
    their address: by `per_address` what is read, and whose token is not valid, by `per_address_changes` all else.

    `still_so`, by type of notification: whether it is still so for the entity ($1) and the user ($2) that it names. Asked when
    a mail or push leaves.

    `prefixes`: where the paths of its routes begin, behind each of which all of them are.
    """

    name: str
    title: str
    routes: tuple[Route, ...]
    per_user: Rate
    per_address: Rate
    per_address_changes: Rate
    per_holder: Rate
    messages: Rate
    purposes: tuple[Purpose, ...]
    uploads: Rate
    personal_data: tuple[PersonalData, ...]
    acquainted: Acquainted = nobody
    events: tuple[SocketEvent, ...] = ()
    periodic_tasks: tuple[PeriodicTask, ...] = ()
    still_so: Mapping[str, Scalar[bool]] = field(default_factory=dict)
    seals_messages: bool = False
    prefixes: tuple[str, ...] = ("",)
    dialect: Dialect = DEFAULT

    def __post_init__(self) -> None:
        if self.seals_messages:
            object.__setattr__(self, "routes", tuple(one for one in self.routes if not one.searches_messages))


def get(path: str, handler: Handler, who: Roles | None, *errors: ErrorCode) -> Route:
    """Read."""
    return Route("GET", path, handler, who, (200,), errors)


def create(
    path: str,
    handler: Handler,
    who: Roles | None,
    *errors: ErrorCode,
    status: int = 201,
    uploads: tuple[FilePart, ...] = (),
    weight: Weight | None = None,
) -> Route:
    """Create, once for each Idempotency-Key."""
    return Route("POST", path, handler, who, (status,), errors, who is not None, uploads, weight=weight)


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
    return Route("POST", path, handler, who, statuses, errors, uploads=uploads, weight=weight)


def put(
    path: str,
    handler: Handler,
    who: Roles | None,
    *errors: ErrorCode,
    status: int = 200,
    weight: Weight | None = None,
) -> Route:
    """Change; calling it twice is harmless."""
    return Route("PUT", path, handler, who, (status,), errors, weight=weight)


def patch(
    path: str,
    handler: Handler,
    who: Roles | None,
    *errors: ErrorCode,
    status: int = 200,
    weight: Weight | None = None,
) -> Route:
    """Change what is given, and nothing else; calling it twice is harmless."""
    return Route("PATCH", path, handler, who, (status,), errors, weight=weight)


def at_root(route: Route) -> Route:
    """Return the route of a call whose path begins at the root of the host."""
    return replace(route, is_at_root=True)


def searching_messages(route: Route) -> Route:
    """Return the route of a call that searches messages."""
    return replace(route, searches_messages=True)


def ending_login(route: Route) -> Route:
    """Return the route of a call after which the caller is logged in no more."""
    return replace(route, ends_login=True)


def delete(
    path: str,
    handler: Handler,
    who: Roles | None,
    *errors: ErrorCode,
    also: tuple[int, ...] = (),
    weight: Weight | None = None,
) -> Route:
    """Take away; `also` with what status if there is something to say of it."""
    return Route("DELETE", path, handler, who, (204, *also), errors, weight=weight)
