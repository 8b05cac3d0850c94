"""What operators have told all clients of a marketplace."""

from typing import Annotated

import msgspec
from msgspec import Meta

from core import broadcasts
from core.broadcasts import BroadcastSent
from core.market.traits import call
from core.work.context import Ctx


class SinceQuery(msgspec.Struct, frozen=True):
    """The last version that the client knows."""

    since: Annotated[int, Meta(ge=0, le=2**62)] = 0


class Broadcasts(msgspec.Struct, frozen=True):
    broadcasts: list[BroadcastSent]


@call(needs="broadcasts")
async def list_broadcasts(ctx: Ctx, query: SinceQuery) -> Broadcasts:
    """Get the broadcasts after a version, in their order, a hundred at most"""
    return Broadcasts(await broadcasts.since(ctx, query.since))
