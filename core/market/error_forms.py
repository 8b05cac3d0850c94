"""The formats of errors in the dialects of marketplaces, with their own codes and statuses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from core.base import clock, errors
from core.base.errors import AppError, Detail, ErrorAnswer, ErrorCode


class FlatError(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An error without an envelope, with the time and the id of the request."""

    code: str
    message: str
    timestamp: str
    request_id: str
    details: tuple[Detail, ...] = ()


class PlainError(msgspec.Struct, frozen=True):
    """An error without an envelope."""

    code: str
    message: str
    details: tuple[Detail, ...]


@dataclass(frozen=True, slots=True)
class ErrorForm:
    """How errors look: `make` gives a `kind` for an error and the id of its request.

    `codes` and `statuses`: the marketplace's own, by core's code.
    """

    kind: type[msgspec.Struct]
    make: Callable[[AppError, str], msgspec.Struct]
    codes: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, int] = field(default_factory=dict)

    def own(self, kind: ErrorCode) -> ErrorCode:
        """Return an error with the code and status of the dialect."""
        code, status = self.codes.get(kind.code, kind.code), self.statuses.get(kind.code, kind.status)
        return msgspec.structs.replace(kind, code=code, status=status)


def _enveloped(error: AppError, _request_id: str) -> ErrorAnswer:
    return errors.answer(error)


def _flat(error: AppError, request_id: str) -> FlatError:
    at = clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return FlatError(error.kind.code, error.message, at, request_id, error.details)


def _plain(error: AppError, _request_id: str) -> PlainError:
    return PlainError(error.kind.code, error.message, error.details)


ENVELOPE: Final = ErrorForm(ErrorAnswer, _enveloped)  # {"error": {code, message, details}}
FLAT: Final = ErrorForm(FlatError, _flat)  # {code, message, details?, timestamp, requestId}
PLAIN: Final = ErrorForm(PlainError, _plain)  # {code, message, details}
