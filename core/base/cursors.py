"""Cursors: positions in paged results, as clients store them. They are opaque to clients, but not secret."""

import base64
import binascii
from typing import TypeVar

import msgspec

from core.base import errors

T = TypeVar("T", bound=msgspec.Struct)
NOT_OURS = "Not a cursor of ours"


def encode(place: msgspec.Struct) -> str:
    """Return a position as clients store it."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(place)).decode().rstrip("=")


def decode(text: str, kind: type[T]) -> T:
    """Return the position; raises VALIDATION_ERROR."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        return msgspec.msgpack.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=kind)
    except (UnicodeEncodeError, binascii.Error, msgspec.DecodeError, OverflowError, ValueError):
        raise not_ours() from None


def not_ours() -> errors.AppError:
    """Return the error for a cursor that we did not issue."""
    return errors.invalid("cursor", NOT_OURS)
