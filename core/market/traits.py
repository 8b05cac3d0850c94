"""Traits of core's calls, which hold in every marketplace: declared once, beside the handler, instead of in each table."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from core.base.errors import ErrorCode
from core.limits.weights import Weight

Handler: TypeAlias = Callable[..., Awaitable[object]]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True, slots=True)
class Traits:
    """The errors specific to a call, and its statuses if they are not those of its verb; the other fields are as in Route.

    `needs`: the field of the policy without which a market cannot have the call (api/manifest.py).
    """

    errors: tuple[ErrorCode, ...] = ()
    statuses: tuple[int, ...] = ()
    weight: Weight | None = None
    ends_login: bool = False
    searches_messages: bool = False
    needs: str = ""


NONE = Traits()
_traits: dict[Handler, Traits] = {}


def call(
    *errors: ErrorCode,
    statuses: tuple[int, ...] = (),
    weight: Weight | None = None,
    ends_login: bool = False,
    searches_messages: bool = False,
    needs: str = "",
) -> Callable[[H], H]:
    """Declare the traits of a handler; the function itself is not changed."""

    def said(handler: H) -> H:
        _traits[handler] = Traits(errors, statuses, weight, ends_login, searches_messages, needs)
        return handler

    return said


def like(known: Handler) -> Callable[[H], H]:
    """Give a marketplace's handler the traits of the core handler that it wraps."""

    def said(handler: H) -> H:
        _traits[handler] = traits_of(known)
        return handler

    return said


def traits_of(handler: Handler) -> Traits:
    """Return the traits declared for a handler."""
    return _traits.get(handler, NONE)
