"""Broadcasts: what operators tell all clients of a marketplace, such as feature flags or a maintenance to come.

The table is what counts: hubs read it in the order of versions, which have no gaps, and are only woken by `Publisher.broadcast`.
So each client is sent each broadcast once and in order, and reads those that it has missed.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from core.base import clock, errors
from core.base.events import Event
from core.platform.db import Many, One, Scalar, found
from core.text.fields import JsonObject
from core.work.context import Ctx
from core.work.unit_of_work import unit_of_work

PAGE: Final = 100
MOST_BYTES: Final = 16 * 1024  # of data: so much may wait for each socket of a hub


class BroadcastSent(Event, frozen=True, rename="camel"):
    """Something that holds for everybody; `version` is one more than that of the broadcast before."""

    name = "broadcast"
    recipients = "all sockets of the marketplace"
    needs = "broadcasts"
    version: int
    kind: str
    data: JsonObject
    created_at: datetime


class Broadcast(msgspec.Struct, frozen=True, rename="camel"):
    """A broadcast as the table has it; `data` is JSON."""

    version: int
    kind: str
    data: str
    created_at: datetime

    def event(self) -> BroadcastSent:
        """Return the event that tells of it."""
        return BroadcastSent(self.version, self.kind, msgspec.json.decode(self.data, type=JsonObject), self.created_at)


# Before the statement after it looks which version is the last. For each marketplace one after the other.
LOCK = Scalar(str, "select pg_advisory_xact_lock(hashtextextended('broadcasts ' || $1, 0))::text")
INSERT = One(
    Broadcast,
    """
    insert into broadcasts (market, version, kind, data, author, created_at)
    select $1, coalesce(max(version), 0) + 1, $2, $3::jsonb, $4, $5 from broadcasts where market = $1
    returning version, kind, data::text as data, created_at""",
)
SINCE = Many(
    Broadcast,
    """
    select version, kind, data::text as data, created_at from broadcasts
    where market = $1 and version > $2 order by version limit $3""",
)
LAST = Scalar(int, "select coalesce(max(version), 0) from broadcasts where market = $1")


async def send(ctx: Ctx, kind: str, data: Mapping[str, object], author: str) -> BroadcastSent:
    """Tell all clients of the marketplace; raises VALIDATION_ERROR."""
    if kind not in ctx.policy.broadcasts:
        raise errors.invalid("kind", f"Must be one of: {', '.join(sorted(ctx.policy.broadcasts))}")
    if len(msgspec.json.encode(data)) > MOST_BYTES:
        raise errors.invalid("data", f"Must have {MOST_BYTES} bytes at most")
    async with unit_of_work(ctx) as work:
        await LOCK(work.db, ctx.policy.name)
        row = await INSERT(work.db, ctx.policy.name, kind, data, author, clock.now())
        sent = found(row, errors.INTERNAL_ERROR.error())
        await work.record("broadcast.send", None, operator=author, version=sent.version, kind=kind)
    ctx.publisher.broadcast(ctx.policy.name)  # hubs find it without, within seconds
    return sent.event()


async def since(ctx: Ctx, version: int) -> list[BroadcastSent]:
    """Return the broadcasts after a version, in their order, a hundred at most."""
    return [row.event() for row in await SINCE(ctx.db, ctx.policy.name, version, PAGE)]
