"""Mistakes in a marketplace's manifest, found when a process starts: each is said in words, and all of them at once."""

import inspect
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, get_args, get_type_hints

import msgspec

from api.calls.signature import arguments_of
from config.settings import MarketplaceName
from core.base.errors import TABLE
from core.base.paging import CursorPagination, CursorQuery
from core.market.market import Marketplace, Route
from core.market.personal_data import CORE
from core.market.traits import traits_of
from core.review_queue.kinds import OPEN, kind_named, kinds_of
from core.verification.kinds import Kind
from core.verification.requests import KIND as VERIFICATION
from core.work.policy import Policy

# What the paths of a process begin with already.
TAKEN: Final = frozenset({"api", "ops", "web", "console"})
# What handlers take besides the parts of the path; the first argument is the Ctx.
GIVEN: Final = frozenset({"body", "raw", "query"})
_PARAMETER: Final = re.compile(r"{\w+}")


def problems(market: Marketplace) -> list[str]:
    """Return what is wrong with a manifest, one line each."""
    return [
        *_of_policy(market.policy),
        *_of_review(market.policy),
        *_of_accounts(market.policy),
        *_of_dialect(market),
        *(
            f"prefix {one!r}: must be empty, or begin with / and not end with it"
            for one in market.prefixes
            if _odd(one)
        ),
        *(f"{_shown(route)}: {problem}" for route in market.routes for problem in _of_route(market.policy, route)),
        *_of_table(market.routes),
    ]


def _of_policy(policy: Policy) -> Iterator[str]:
    try:
        msgspec.convert(policy.name, MarketplaceName)
    except msgspec.ValidationError:
        yield f"name {policy.name!r}: must be lower-case letters, digits and _, and begin with a letter"
    if policy.name in TAKEN:
        yield f"name {policy.name!r}: the paths under /{policy.name} are taken"
    if missing := [one.name for one in CORE if one not in policy.personal_data]:
        yield f"personal_data: lacks {', '.join(missing)} of core; end it with *CORE of core/market/personal_data.py"
    for name in _twice(one.name for one in policy.personal_data):
        yield f"personal_data: two entries are called {name!r}"
    for name in _twice(one.type for one in policy.notices):
        yield f"notices: two have the type {name!r}"
    if policy.otp:
        yield from policy.otp.texts.problems(policy.title)
    for name in sorted(policy.still_so.keys() - {one.type for one in policy.notices}):
        yield f"still_so: no notice has the type {name!r}"


def _of_review(policy: Policy) -> Iterator[str]:
    for name in _twice(one.name for one in policy.review_kinds):
        yield f"review_kinds: two are called {name!r}"
    for name in (one.name for one in kinds_of(policy) if OPEN not in one.decisions):
        yield f"review_kinds: nothing can be decided about an open {name!r}"
    for one in policy.verifications:
        if isinstance(one, Kind) and not one.provider and not kind_named(policy, VERIFICATION):
            yield f"verifications: nobody decides {one.name!r}; review_kinds need REVIEW of core/verification/requests.py"


def _of_accounts(policy: Policy) -> Iterator[str]:
    for role in sorted((policy.oauth.roles if policy.oauth else frozenset[str]()) - policy.roles):
        yield f"oauth: the policy has no role {role!r}"


def _of_dialect(market: Marketplace) -> Iterator[str]:
    form, known = market.dialect.errors, set(TABLE)
    known |= {error.code for route in market.routes for error in route.errors}
    for name in sorted((form.codes.keys() | form.statuses.keys()) - known):
        yield f"dialect: there is no error {name!r}"
    names = {field.encode_name for kind in (CursorQuery, CursorPagination) for field in msgspec.structs.fields(kind)}
    for name in sorted(market.dialect.pages.names.keys() - names):
        yield f"dialect: pages have no field {name!r}, only {', '.join(sorted(names))}"


def _of_route(policy: Policy, route: Route) -> Iterator[str]:
    if not (route.handler.__doc__ or "").strip():
        yield "the handler has no docstring, whose first line is the call's summary"
    if _odd(route.path) or not route.path:
        yield "the path must begin with / and not end with it"
    yield from _of_callers(policy, route)
    yield from _of_needs(policy, route)
    taken = list(inspect.signature(route.handler).parameters)[1:]
    parts = arguments_of(route.path)
    for name, argument in parts.items():
        if argument not in taken:
            yield f"the path names {{{name}}}, but the handler takes no {argument!r}"
    for argument in taken:
        if argument not in {*GIVEN, *parts.values()}:
            yield f"the handler takes {argument!r}, which no part of the path is called"
    yield from _of_types(route, taken)


def _of_needs(policy: Policy, route: Route) -> Iterator[str]:
    if (needs := traits_of(route.handler).needs) and not getattr(policy, needs):
        yield f"needs {needs!r}, which the policy does not have"
    if route.scope and route.scope not in (policy.api_keys.scopes if policy.api_keys else ()):
        yield f"is for API keys with the scope {route.scope!r}, which the policy's 'api_keys' do not have"


def _of_callers(policy: Policy, route: Route) -> Iterator[str]:
    if route.who is not None and not route.who:
        yield "is for no role at all; PUBLIC is for calls without a login"
    known = policy.roles | policy.staff_roles
    for role in sorted((route.who or frozenset()) - known):
        yield f"is for the role {role!r}, but the policy has only {', '.join(sorted(known)) or 'none'}"
    if route.verified and (route.who is None or route.verified not in {one.name for one in policy.verifications}):
        yield f"needs the verification {route.verified!r}, which is none of the policy, or no login"


def _of_types(route: Route, taken: list[str]) -> Iterator[str]:
    try:
        hints = get_type_hints(route.handler, include_extras=True)
    except NameError as error:
        yield f"a type of the handler cannot be read: {error}"
        return
    for argument in (*taken, "return"):
        if argument not in hints:
            yield "the handler does not say what it returns" if argument == "return" else f"{argument!r} has no type"
    if {"body", "raw"} <= hints.keys():
        yield "the handler takes both 'body' and 'raw'"
    if "query" in hints and not _is_struct(hints["query"]):
        yield "'query' must be a struct"
    body = hints.get("body")
    if "body" in hints and not any(map(_is_struct, (body, *get_args(body)))):
        yield "'body' must be a struct"


def _of_table(routes: Iterable[Route]) -> Iterator[str]:
    paths: dict[tuple[bool, str], str] = {}
    calls: dict[tuple[bool, str, str], Route] = {}
    for route in routes:
        shape = _PARAMETER.sub("{}", route.path)
        first = calls.setdefault((route.is_at_root, route.method, shape), route)
        if first is not route:
            yield f"{_shown(route)}: has the method and path of {_shown(first)}"
        path = paths.setdefault((route.is_at_root, shape), route.path)
        if path != route.path:
            yield f"{_shown(route)}: the same path is written {path} in another row"


def _shown(route: Route) -> str:
    return f"{route.method} {route.path} ({route.handler.__module__}.{route.handler.__qualname__})"


def _odd(path: str) -> bool:
    return bool(path) and (not path.startswith("/") or (path.endswith("/") and path != "/"))


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _twice(names: Iterable[str]) -> list[str]:
    counts: Mapping[str, int] = Counter(names)
    return [name for name, count in counts.items() if count > 1]
