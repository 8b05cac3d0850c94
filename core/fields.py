"""Types of input fields that REST and socket events share. Postgres cannot store U+0000, so no text has it.

Every text and list is bounded here, before anything looks at what is in it; tests/contract/test_bounds.py walks all calls.
"""

from typing import Annotated, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta

Changed = TypeVar("Changed", bound=msgspec.Struct)

MOST_AT_ONCE = 100  # users whom one call puts into a group

_STORABLE = r"^[^\x00]*$"

Text = Annotated[str, Meta(max_length=2048, pattern=_STORABLE)]
# Only how long: what they must be is said where they are used, with errors of its own.
Short = Annotated[str, Meta(max_length=1024)]  # an e-mail address, a password, a token, a name
Content = Annotated[str, Meta(max_length=100_000)]  # of a message
Name = Annotated[str, Meta(max_length=255, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
Line = Annotated[str, Meta(max_length=255, pattern=_STORABLE)]
# http(s), a host with a dot, nobody's name and password; the last part because `$` also matches before a line end.
WebUrl = Annotated[
    str,
    Meta(
        max_length=2048,
        pattern=r"^https?://(?:[\w-]{1,63}\.)+[^\W_][\w-]{0,62}(?::[0-9]{1,5})?(?:[/?#][^\s\x00-\x20<>\"\\]*)?$(?!\n)",
    ),
]
Prose = Annotated[str, Meta(max_length=10_000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
ClientId = Annotated[str, Meta(min_length=1, max_length=128, pattern=_STORABLE)]
PersonIds = Annotated[list[UUID], Meta(min_length=1, max_length=MOST_AT_ONCE)]
MentionIds = Annotated[list[UUID], Meta(max_length=50)]


def given(body: msgspec.Struct) -> dict[str, object]:
    """Return the fields of a partial update that were sent; the others are UNSET."""
    return {name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET}


def changed(row: Changed, body: msgspec.Struct) -> Changed:
    """Return a row with the fields of a partial update that were sent; the names of both are the same."""
    return msgspec.structs.replace(row, **given(body))
