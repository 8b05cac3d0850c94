"""Users named in stored answers (see idempotency.py): finds them, and removes their names."""

from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

import msgspec

DELETED_NAME = "Deleted user"
# Fields of answers that describe a user besides the id, and their values once the account is deleted.
ERASED = {"name": DELETED_NAME, "avatarUrl": None}


def named_in(body: bytes) -> list[UUID]:
    """Return the ids of all users named in an answer."""
    return sorted(set(_named(msgspec.json.decode(body)))) if body else []


def without_name(body: bytes, user_id: UUID) -> bytes:
    """Return an answer without the name and picture of a user, at every depth."""
    return msgspec.json.encode(_erased(msgspec.json.decode(body), str(user_id))) if body else body


def _erased(value: object, user_id: str) -> object:
    match value:
        case list():
            return [_erased(one, user_id) for one in value]
        case dict():
            rest = {name: _erased(one, user_id) for name, one in value.items()}
            if user_id in _ids(value):
                rest |= {name: gone for name, gone in ERASED.items() if name in value}
            return rest
    return value


def _named(value: object) -> Iterator[UUID]:
    match value:
        case list():
            for one in value:
                yield from _named(one)
        case dict():
            if ERASED.keys() & value.keys():
                for id in _ids(value):
                    with suppress(ValueError):  # other objects may have ids of another form
                        yield UUID(id)
            yield from _named(list(value.values()))


def _ids(value: dict[str, object]) -> list[str]:
    return [id for id in (value.get("id"), value.get("userId")) if isinstance(id, str)]
