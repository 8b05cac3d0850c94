"""Types of input fields that REST and socket events share. Postgres cannot store U+0000, so no text has it.

Every text and list is bounded here, before anything looks at what is in it; tests/contract/test_bounds.py walks all calls.
"""

from typing import Annotated, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta

from core.text import texts

Changed = TypeVar("Changed", bound=msgspec.Struct)

MOST_AT_ONCE = 100  # users whom one call puts into a group

# The patterns are for the documents and for what is cheap to refuse. People are told the words beside them, in `extra`, and what
# can be seen of a text is judged by its rule: see core/text/validation.py, core/text/texts.py.
_STORABLE = r"^[^\x00]*$"
_NO_NUL = {"words": "Must not contain the character U+0000"}
_LINE = {"rule": texts.line}
_PROSE = {"rule": texts.prose}
_NEEDED = {"needed": True}  # there must be something to see in it
_SOMETHING: dict[str, object] = {"minLength": 1, "pattern": r"[^\s\x00]"}

Text = Annotated[str, Meta(max_length=2048, pattern=_STORABLE, extra=_NO_NUL)]
# Only how long: what they must be is said where they are used, with errors of its own.
Short = Annotated[str, Meta(max_length=1024)]  # an e-mail address, a password, a token
# One that is in the path of a link: of those who make one up, none is longer than a request's first line may be.
LinkToken = Annotated[
    str, Meta(max_length=128, pattern="^[A-Za-z0-9_-]+$", extra={"words": "Must be the token of a link"})
]
Content = Annotated[str, Meta(max_length=100_000)]  # of a message
# What somebody or something is called: one line that can be seen, without what cannot. In an optional field it may be empty.
Name = Annotated[str, Meta(max_length=255, extra=_LINE | _NEEDED, extra_json_schema=_SOMETHING)]
Line = Annotated[str, Meta(max_length=255, extra=_LINE)]
# http(s) in any case, as keyboards of phones begin it, a host with a dot, nobody's name and password. Blanks around it go; the
# last part because `$` also matches before a line end.
WebUrl = Annotated[
    str,
    Meta(
        max_length=2048,
        pattern=r"^ *[Hh][Tt][Tt][Pp][Ss]?://(?:[\w-]{1,63}\.)+[^\W_][\w-]{0,62}(?::[0-9]{1,5})?"
        r"(?:[/?#][^\s\x00-\x20<>\"\\]*)? *$(?!\n)",
        extra={"words": "Must be a web address, as https://example.com", "rule": str.strip},
    ),
]
# Texts of many lines: one that says something, and those that may be empty.
Prose = Annotated[str, Meta(max_length=10_000, extra=_PROSE | _NEEDED, extra_json_schema=_SOMETHING)]
Description = Annotated[str, Meta(max_length=10_000, extra=_PROSE)]
Bio = Annotated[str, Meta(max_length=500, extra=_PROSE)]
ClientId = Annotated[str, Meta(min_length=1, max_length=128, pattern=_STORABLE, extra=_NO_NUL)]
PersonIds = Annotated[list[UUID], Meta(min_length=1, max_length=MOST_AT_ONCE)]
MentionIds = Annotated[list[UUID], Meta(max_length=50)]


def given(body: msgspec.Struct) -> dict[str, object]:
    """Return the fields of a partial update that were sent; the others are UNSET."""
    return {name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET}


def changed(row: Changed, body: msgspec.Struct) -> Changed:
    """Return a row with the fields of a partial update that were sent; the names of both are the same."""
    return msgspec.structs.replace(row, **given(body))
