"""What users do about others: blocking, muting and reporting them."""

from datetime import datetime
from typing import Annotated

import msgspec

from core.base.paging import CursorPagination
from core.chat.blocking import BlockView
from core.chat.mutes import Mute
from core.reports import Reason
from core.text.fields import Description


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
