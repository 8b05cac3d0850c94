"""What is true of a call of core wherever a marketplace has it: said once, beside its handler, and not in each table."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from core.base.errors import ErrorCode
from core.limits.weights import Weight

Handler: TypeAlias = Callable[..., Awaitable[object]]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True, slots=True)
class Traits:
    """The errors that only this call has, the statuses of its answers if they are not those of its verb; else as in Route."""

    errors: tuple[ErrorCode, ...] = ()
    statuses: tuple[int, ...] = ()
    weight: Weight | None = None
    ends_login: bool = False
    searches_messages: bool = False


NONE = Traits()
_traits: dict[Handler, Traits] = {}


def call(
    *errors: ErrorCode,
    statuses: tuple[int, ...] = (),
    weight: Weight | None = None,
    ends_login: bool = False,
    searches_messages: bool = False,
) -> Callable[[H], H]:
    """Say what is true of a handler; it stays the function that it is."""

    def said(handler: H) -> H:
        _traits[handler] = Traits(errors, statuses, weight, ends_login, searches_messages)
        return handler

    return said


def like(known: Handler) -> Callable[[H], H]:
    """Say that what is true of a handler is true of another one, which calls it and answers in a marketplace's own way."""

    def said(handler: H) -> H:
        _traits[handler] = traits_of(known)
        return handler

    return said


def traits_of(handler: Handler) -> Traits:
    """Return what a handler says of itself."""
    return _traits.get(handler, NONE)
