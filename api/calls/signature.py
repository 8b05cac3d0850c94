"""Derives the input and output of a call from its handler's signature. Routing, decoding and OpenAPI are based on it."""

import re
from dataclasses import dataclass
from functools import cache
from typing import get_args, get_origin, get_type_hints

import msgspec

from core.base.answers import Answer, JsonFile
from core.market.market import Route

CHANGES = frozenset({"PUT", "PATCH"})
_PARAMETER = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A path parameter: `name` in the path, `argument` of the handler."""

    name: str
    argument: str
    type: object


@dataclass(frozen=True, slots=True)
class Signature:
    """What a handler takes and gives; `answer` is None for 204. `query_lists`: those that the query may name repeatedly.

    `raw`: it takes the body as it came."""

    path: tuple[Parameter, ...]
    query: type[msgspec.Struct] | None
    query_lists: frozenset[str]
    body: object | None
    raw: bool
    body_optional: bool
    refresh_token: str
    answer: object | None


@cache
def signature_of(route: Route) -> Signature:
    """Read a route's handler."""
    hints = get_type_hints(route.handler, include_extras=True)
    answer = _answer(hints["return"])
    return Signature(
        path=tuple(Parameter(name, part, hints[part]) for name, part in arguments_of(route.path).items()),
        query=hints.get("query"),
        query_lists=_lists(hints.get("query")),
        body=hints.get("body"),
        raw="raw" in hints,
        body_optional=type(None) in get_args(hints.get("body")),
        refresh_token=_refresh_token(hints.get("body")),
        answer=answer,
    )


def arguments_of(path: str) -> dict[str, str]:
    """Return what a handler takes the parts of a path as, by the names that they have in it."""
    return {name: _snake(name) for name in _PARAMETER.findall(path)}


def _answer(returned: object) -> object | None:
    if returned is type(None):
        return None
    kind = get_args(returned)[0] if get_origin(returned) in (Answer, JsonFile) else returned
    return None if kind is type(None) else kind


def names_of(*kinds: object) -> frozenset[str]:
    """Return the JSON names of the fields of a struct, or of the structs in a union."""
    parts = [*kinds, *(part for kind in kinds for part in get_args(kind))]
    found = [kind for kind in parts if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]
    return frozenset(field.encode_name for kind in found for field in msgspec.structs.fields(kind))


def _lists(query: type[msgspec.Struct] | None) -> frozenset[str]:
    if query is None:
        return frozenset()
    schemas = {field.encode_name: msgspec.json.schema(field.type) for field in msgspec.structs.fields(query)}
    return frozenset(name for name, schema in schemas.items() if schema.get("type") == "array")


def _refresh_token(body: object) -> str:
    """Return the name of the field of a body that holds the refresh token."""
    structs = [kind for kind in (body, *get_args(body)) if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]
    names = {field.name: field.encode_name for kind in structs for field in msgspec.structs.fields(kind)}
    return names.get("refresh_token", "")


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda capital: f"_{capital[0].lower()}", name)
