"""Reads from a handler's signature what a call takes and gives. Routing, decoding and OpenAPI all follow from it."""

import re
from dataclasses import dataclass
from typing import get_args, get_origin, get_type_hints

import msgspec

from core.market import Answer, Route

_PARAMETER = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A part of the path: `name` as in the path, `argument` as the handler takes it."""

    name: str
    argument: str
    type: object


@dataclass(frozen=True, slots=True)
class Signature:
    """What a handler takes and gives; `answer` is None for 204."""

    path: tuple[Parameter, ...]
    query: type[msgspec.Struct] | None
    body: object | None
    body_optional: bool
    answer: object | None


def signature_of(route: Route) -> Signature:
    """Read a route's handler."""
    hints = get_type_hints(route.handler)
    answer = hints["return"]
    return Signature(
        path=tuple(Parameter(name, _snake(name), hints[_snake(name)]) for name in _PARAMETER.findall(route.path)),
        query=hints.get("query"),
        body=hints.get("body"),
        body_optional=type(None) in get_args(hints.get("body")),
        answer=None if answer is type(None) else get_args(answer)[0] if get_origin(answer) is Answer else answer,
    )


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda capital: f"_{capital[0].lower()}", name)
