"""Catching up."""

from typing import Annotated

import msgspec
from msgspec import Meta


class SyncQuery(msgspec.Struct, frozen=True, rename="camel"):
    cursor: Annotated[str, Meta(max_length=128)] | None = None
