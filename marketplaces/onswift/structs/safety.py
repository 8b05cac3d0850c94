"""What users do about others: blocking, muting and reporting them."""

from datetime import datetime
from typing import Annotated

import msgspec

from core.blocking import BlockView
from core.fields import Description
from core.mutes import Mute
from core.paging import CursorPagination
from core.reports import Reason


class BlockPage(msgspec.Struct, frozen=True):
    blocks: list[BlockView]
    pagination: CursorPagination


class MuteUntil(msgspec.Struct, frozen=True):
    """Until when; without it for good."""

    until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class MutePage(msgspec.Struct, frozen=True):
    mutes: list[Mute]
    pagination: CursorPagination


class NewReport(msgspec.Struct, frozen=True):
    """What is wrong, and what the operators should know of it."""

    reason: Reason
    text: Description = ""
