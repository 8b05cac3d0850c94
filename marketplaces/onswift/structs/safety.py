"""What users do about others: blocking and muting them."""

from datetime import datetime
from typing import Annotated

import msgspec

from core.blocking import BlockView
from core.mutes import Mute
from core.paging import Pagination


class BlockPage(msgspec.Struct, frozen=True):
    blocks: list[BlockView]
    pagination: Pagination


class MuteUntil(msgspec.Struct, frozen=True):
    """Until when; without it for good."""

    until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class MutePage(msgspec.Struct, frozen=True):
    mutes: list[Mute]
    pagination: Pagination
