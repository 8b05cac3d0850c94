"""Types of input fields that REST and socket events share. Postgres cannot store U+0000, so no text has it."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta

_STORABLE = r"^[^\x00]*$"

Text = Annotated[str, Meta(pattern=_STORABLE)]
ClientId = Annotated[str, Meta(min_length=1, max_length=128, pattern=_STORABLE)]
Title = Annotated[str, Meta(max_length=255, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
PersonIds = Annotated[list[UUID], Meta(min_length=1, max_length=1000)]
MentionIds = Annotated[list[UUID], Meta(max_length=50)]
