"""Types of input fields that REST and socket events share. Postgres cannot store U+0000, so no text has it.

Every text and list is bounded here, before its content is processed; tests/contract/test_bounds.py checks all calls.
"""

from collections.abc import Sequence
from typing import Annotated, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta

from core.text import texts

Changed = TypeVar("Changed", bound=msgspec.Struct)
View = TypeVar("View", bound=msgspec.Struct)

MOST_AT_ONCE = 100  # users that one call adds to a group

# The patterns are for the documents and for cheap refusals. Users see the words beside them, in `extra`, and the rule of a
# text decides whether it is visible: see core/text/validation.py, core/text/texts.py.
STORABLE = r"^[^\x00]*$"
NO_NUL = {"words": "Must not contain the character U+0000"}
_LINE = {"rule": texts.line}
_PROSE = {"rule": texts.prose}
_NEEDED = {"needed": True}  # at least one visible character
_SOMETHING: dict[str, object] = {"minLength": 1, "pattern": r"[^\s\x00]"}

Text = Annotated[str, Meta(max_length=2048, pattern=STORABLE, extra=NO_NUL)]
# Only their length: their content is checked where they are used, with specific errors.
Short = Annotated[str, Meta(max_length=1024)]  # an e-mail address, a password, a token
# One that is in the path of a link: of those who make one up, none is longer than a request's first line may be.
LinkToken = Annotated[
    str, Meta(max_length=128, pattern="^[A-Za-z0-9_-]+$", extra={"words": "Must be the token of a link"})
]
# Whose marketplace says what they must be (core/work/policy.py): a password that is to be set, and who somebody is there.
NewPassword = Annotated[str, Meta(max_length=1024, extra={"market": "password"})]
Role = Annotated[str, Meta(max_length=1024, extra={"market": "role"})]
Content = Annotated[str, Meta(max_length=100_000)]  # of a message
# A name or title: one visible line, without invisible characters. In an optional field it may be empty.
Name = Annotated[str, Meta(max_length=255, extra=_LINE | _NEEDED, extra_json_schema=_SOMETHING)]
Line = Annotated[str, Meta(max_length=255, extra=_LINE)]
# http(s) in any case, because phone keyboards capitalise it, a host with a dot, no user name and password. Surrounding
# blanks are stripped; the last part because `$` also matches before a line break.
WebUrl = Annotated[
    str,
    Meta(
        max_length=2048,
        pattern=r"^ *[Hh][Tt][Tt][Pp][Ss]?://(?:[\w-]{1,63}\.)+[^\W_][\w-]{0,62}(?::[0-9]{1,5})?"
        r"(?:[/?#][^\s\x00-\x20<>\"\\]*)? *$(?!\n)",
        extra={"words": "Must be a web address, as https://example.com", "rule": str.strip},
    ),
]
# Multi-line texts: one that must not be empty, and those that may.
Prose = Annotated[str, Meta(max_length=10_000, extra=_PROSE | _NEEDED, extra_json_schema=_SOMETHING)]
Description = Annotated[str, Meta(max_length=10_000, extra=_PROSE)]
Bio = Annotated[str, Meta(max_length=500, extra=_PROSE)]
ClientId = Annotated[str, Meta(min_length=1, max_length=128, pattern=STORABLE, extra=NO_NUL)]
PersonIds = Annotated[list[UUID], Meta(min_length=1, max_length=MOST_AT_ONCE)]
MentionIds = Annotated[list[UUID], Meta(max_length=50)]
# An object whose fields somebody else knows, or nobody: of plain values, lists of them, and objects of both.
_Key: TypeAlias = Annotated[str, Meta(max_length=64)]
_Plain: TypeAlias = bool | int | float | Content | None
_List: TypeAlias = Annotated[list[_Plain], Meta(max_length=100)]
_Inner: TypeAlias = Annotated[dict[_Key, _Plain | _List], Meta(max_length=100)]
JsonObject: TypeAlias = Annotated[dict[_Key, _Plain | _List | _Inner], Meta(max_length=100)]


def given(body: msgspec.Struct) -> dict[str, object]:
    """Return the fields of a partial update that were sent; the others are UNSET."""
    return {name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET}


def changed(row: Changed, body: msgspec.Struct) -> Changed:
    """Return a row with the fields of a partial update that were sent; the names of both are the same."""
    return msgspec.structs.replace(row, **given(body))


def completion(row: object, fields: Sequence[str]) -> int:
    """Return the percentage of these fields, with equal weight, that are filled in."""
    return 100 * sum(bool(getattr(row, name)) for name in fields) // len(fields)


def view_of(kind: type[View], row: object, **own: object) -> View:
    """Return a view of a row: the fields that it has by the same names, and the view's `own`."""
    others = (name for name in kind.__struct_fields__ if name not in own)
    return kind(**{name: getattr(row, name) for name in others}, **own)
