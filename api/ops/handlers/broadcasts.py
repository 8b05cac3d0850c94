"""What operators tell all clients of a marketplace."""

from dataclasses import replace
from typing import Annotated

import msgspec
from msgspec import Meta

from api.ops.operators import OperatorCtx
from core import broadcasts
from core.base import errors
from core.broadcasts import BroadcastSent
from core.market.endpoints.hooks.broadcasts import Broadcasts, SinceQuery
from core.text.fields import JsonObject
from marketplaces import ALL

Market = Annotated[str, Meta(max_length=64)]


class NewBroadcast(msgspec.Struct, frozen=True):
    """`kind`: one of those that the marketplace has."""

    market: Market
    kind: Annotated[str, Meta(max_length=64)]
    data: JsonObject = {}


class BroadcastQuery(SinceQuery, frozen=True, kw_only=True):
    market: Market


async def send_broadcast(ctx: OperatorCtx, body: NewBroadcast) -> BroadcastSent:
    """Tell all clients of a marketplace something: those that are connected at once, the others when they ask."""
    return await broadcasts.send(_in(ctx, body.market), body.kind, body.data, ctx.operator)


async def list_broadcasts(ctx: OperatorCtx, query: BroadcastQuery) -> Broadcasts:
    """List the broadcasts of a marketplace after a version, in their order, a hundred at most."""
    return Broadcasts(await broadcasts.since(_in(ctx, query.market), query.since))


def _in(ctx: OperatorCtx, market: str) -> OperatorCtx:
    if market not in ALL:
        raise errors.invalid("market", f"Must be one of: {', '.join(ALL)}")
    return replace(ctx, policy=ALL[market].policy, publisher=ctx.publisher.of(market))
