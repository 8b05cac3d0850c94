"""Validation messages for the person who filled in the form: no types, no patterns, nothing of the input."""

from typing import Final

from msgspec import inspect

from core.text.texts import REQUIRED

MOST_NAMED: Final = 12  # choices listed in a message
_KINDS: Final[dict[type[inspect.Type], str]] = {
    inspect.StrType: "Must be a text",
    inspect.IntType: "Must be a whole number",
    inspect.FloatType: "Must be a number",
    inspect.BoolType: "Must be true or false",
    inspect.DateType: "Must be a date, as 2026-12-31",
    inspect.DateTimeType: "Must be a date and time with its zone, as 2026-12-31T23:59:00Z",
    inspect.UUIDType: "Must be an id",
    inspect.ListType: "Must be a list",
}


def words(kind: inspect.Type, value: object, own: str) -> str:
    """Return the message for a value of the wrong kind; `own` is the field's own message."""
    if value == "" and not isinstance(kind, inspect.ListType):
        return REQUIRED
    if isinstance(kind, inspect.StrType):
        if not isinstance(value, str):
            return _KINDS[inspect.StrType]
        return _length(kind.min_length, kind.max_length, len(value), "characters") or own or "Cannot be this text"
    if isinstance(kind, inspect.ListType) and isinstance(value, list):
        return _length(kind.min_length, kind.max_length, len(value), "entries") or own
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return _number(kind)
    if isinstance(kind, inspect.LiteralType) and len(kind.values) <= MOST_NAMED:
        return f"Must be one of: {', '.join(map(str, kind.values))}"
    return own or _KINDS.get(type(kind), "Cannot be this value")


def _length(least: int | None, most: int | None, length: int, of: str) -> str:
    if most is not None and length > most:
        return f"At most {most:,} {of}"
    if least is not None and length < least:
        return f"At least {least:,} {of}" if length else REQUIRED
    return ""


def _number(kind: inspect.IntType | inspect.FloatType) -> str:
    what = _KINDS[type(kind)]
    if kind.ge is not None and kind.le is not None:
        return f"{what} from {kind.ge:,} to {kind.le:,}"
    if kind.ge is not None:
        return f"{what}, at least {kind.ge:,}"
    return f"{what}, at most {kind.le:,}" if kind.le is not None else what
