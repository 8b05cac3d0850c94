"""What happens to tickets without a call: what messages mean for them, and what time does. Workers look after both."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from core.base import clock
from core.platform.db import Many, Run
from core.support.desk import LOCK_CONVERSATIONS, TicketId, open_desk
from core.support.states import WRITTEN, State
from core.work.context import Ctx

CLOSED_AT_ONCE: Final = 100


class News(msgspec.Struct, frozen=True):
    """What messages mean for a ticket: when it was answered first, whether the customer has written since it got its state."""

    id: UUID
    state: State
    answered_at: datetime | None
    is_written: bool


# Of the tickets among conversations $1; in states $3 a message of the customer changes them. `limit 1`: each is looked
# up by its id, because almost none is a ticket.
NEWS = Many(
    News,
    """
    select * from (
        select t.id, t.state,
            case when t.answered_at is null then (
                select m.created_at from messages m
                where m.conversation_id = t.id and m.kind = 'text' and m.sender_id <> t.customer_id order by m.seq limit 1
            ) end as answered_at,
            t.state = any ($3::text[]) and exists (
                select from messages m where m.conversation_id = t.id and m.seq > t.state_seq and m.kind = 'text'
                    and m.sender_id = t.customer_id
            ) as is_written
        from unnest($1::uuid[]) as asked (id)
        cross join lateral (select * from support_tickets s where s.id = asked.id limit 1) t where t.market = $2
    ) n where answered_at is not null or is_written order by id""",
)
ANSWERED = Run("update support_tickets set answered_at = $2 where id = $1 and answered_at is null")
DUE = Many(
    TicketId,
    "select id from support_tickets where market = $1 and state = 'resolved' and resolved_at < $2 order by resolved_at limit $3",
)


async def follow(ctx: Ctx, conversation_ids: Sequence[UUID]) -> None:
    """Note what new messages mean for tickets: a first answer, or a state by a message of the customer; harmless to repeat."""
    asked = (list(conversation_ids), ctx.policy.name, list(WRITTEN))
    if await NEWS(ctx.db, *asked):  # rarely: without a lock
        async with open_desk(ctx) as desk:
            for news in await NEWS(desk.work.db, *asked):
                if news.answered_at:
                    await ANSWERED(desk.work.db, news.id, news.answered_at)
                if news.is_written:
                    await desk.move(news.id, WRITTEN[news.state])


async def tend(ctx: Ctx) -> None:
    """Close what was resolved long ago, and assign what waits: for an agent who was erased, say."""
    async with open_desk(ctx, places=False) as desk:
        before = clock.now() - desk.rules.reopens
        due = [one.id for one in await DUE(desk.work.db, ctx.policy.name, before, CLOSED_AT_ONCE)]
        await LOCK_CONVERSATIONS(desk.work.db, due)  # from here on nobody writes there
        written = [news.id for news in await NEWS(desk.work.db, due, ctx.policy.name, list(WRITTEN)) if news.is_written]
        for id in set(due) - set(written):
            await desk.move(id, "closed")
    await follow(ctx, written)
    async with open_desk(ctx):
        pass
