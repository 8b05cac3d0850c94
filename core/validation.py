"""Turns msgspec's complaints about outside input into our error with field names."""

import re

import msgspec

from core import errors

_PLACE = re.compile(r"(?P<message>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<field>[^`]*)`")


def as_error(problem: msgspec.DecodeError) -> errors.AppError:
    """Return MALFORMED_REQUEST for what is no JSON, VALIDATION_ERROR with the field for JSON of another shape."""
    if not isinstance(problem, msgspec.ValidationError):
        return errors.MALFORMED_REQUEST.error("The body is not valid JSON")
    place = _PLACE.match(str(problem))
    message, path = (place["message"], place["path"]) if place else (str(problem), None)
    field = _field(path or "")
    if missing := _MISSING.match(message):
        field, message = f"{field}.{missing['field']}".lstrip("."), "Required"
    if message.startswith("Invalid enum value"):
        message = "Not one of the values that it may have"  # msgspec repeats what was sent
    return errors.invalid(field or "body", message)


def _field(path: str) -> str:
    """`$[1].mentions[...]` and `$.mentions[...]` are both `mentions`."""
    return re.sub(r"^\$(\[1\])?\.?|\[[^\]]*\]", "", path)
