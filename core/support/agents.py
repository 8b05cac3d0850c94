"""Agents: who is there, with room for how many; what they note for each other; and how it all goes."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from core.base import clock
from core.base.paging import AfterQuery, Position, Rows, page_of
from core.platform.db import Many, Run, Scalar
from core.support import tickets
from core.support.desk import open_desk
from core.support.states import Priority, State
from core.work.context import Ctx
from core.work.personal_data import PersonalData, rows_of
from core.work.rules import required

TEXT: Final = "support_notes.text"
COUNTED: Final = timedelta(days=30)


class Agent(msgspec.Struct, frozen=True, rename="camel"):
    """An agent, with `load` tickets that are not resolved. Of those of the last 30 days: how many are `resolved`, the seconds to
    the first answer (median), the stars (mean).
    """

    id: UUID
    name: str
    avatar_url: str | None
    is_available: bool
    capacity: int
    load: int
    resolved: int
    first_answer: float | None
    rating: float | None


class Count(msgspec.Struct, frozen=True):
    """How many tickets are not resolved, of one state and priority; `waiting`: how many of them have no agent."""

    state: State
    priority: Priority
    count: int
    waiting: int


class Note(msgspec.Struct, frozen=True, rename="camel"):
    id: UUID
    text: str
    created_at: datetime
    author_id: UUID
    author_name: str


_FIRST_ANSWER = "percentile_cont(0.5) within group (order by extract(epoch from t.answered_at - t.created_at)::float8)"
LIST = Many(
    Agent,
    f"""
    select u.id, u.name, u.avatar_url, a.is_available, a.capacity, a.load,
        count(t.id) filter (where t.resolved_at is not null) as resolved, {_FIRST_ANSWER} as first_answer,
        avg(t.rating)::float8 as rating
    from support_agents a join users u on u.id = a.user_id
    left join support_tickets t on t.agent_id = a.user_id and t.created_at >= $2
    where a.market = $1 group by u.id, a.user_id order by u.id""",  # noqa: S608 - no input in it
)
COUNTS = Many(
    Count,
    """
    select state, priority, count(*) as count, count(*) filter (where agent_id is null) as waiting
    from support_tickets where market = $1 and resolved_at is null group by state, priority, rank order by rank, state""",
)
FIRST_ANSWER = Scalar(
    float,
    f"select {_FIRST_ANSWER} from support_tickets t where t.market = $1 and t.created_at >= $2",  # noqa: S608
)
SET = Run(
    """
    insert into support_agents (user_id, market, is_available, capacity) values ($1, $2, $3, coalesce($4::int, $5::int))
    on conflict (user_id) do update set is_available = excluded.is_available,
        capacity = coalesce($4, support_agents.capacity)"""
)
NOTE = Run("insert into support_notes (id, ticket_id, author_id, text, created_at) values ($1, $2, $3, $4, $5)")
NOTES = Many(
    Note,
    f"""
    select n.id, placed(n.text, '{TEXT} ' || n.id) as text, n.created_at, u.id as author_id, u.name as author_name
    from support_notes n join users u on u.id = n.author_id
    where n.ticket_id = $1 and (n.created_at, n.id) < ($3, $4) order by n.created_at desc, n.id desc limit $2""",  # noqa: S608
)
PERSONAL_DATA = PersonalData(
    "support",
    frozenset({"support_agents", "support_notes"}),
    rows_of(
        f"""
        select null as ticket_id, null as note, capacity, is_available, assigned_at as at
        from support_agents where user_id = $1
        union all
        select ticket_id, placed(text, '{TEXT} ' || id), null, null, created_at from support_notes where author_id = $1"""  # noqa: S608
    ),
    last=(
        Run("delete from support_notes where ticket_id in (select id from support_tickets where customer_id = $1)"),
        Run("delete from support_agents where user_id = $1"),
    ),
    kept="What an agent noted about others.",
)


async def list_all(ctx: Ctx) -> list[Agent]:
    """Return the agents who have been there at least once."""
    return await LIST(ctx.db, ctx.policy.name, clock.now() - COUNTED)


async def counts(ctx: Ctx) -> tuple[list[Count], float | None]:
    """Return what is not resolved, and the seconds to the first answer of the last 30 days: the median, if there was one."""
    since = clock.now() - COUNTED
    return await COUNTS(ctx.db, ctx.policy.name), await FIRST_ANSWER(ctx.db, ctx.policy.name, since)


async def set_availability(ctx: Ctx, capacity: int | None, *, is_available: bool) -> None:
    """Let the caller get tickets, up to a number, or no more of them; what she has she keeps."""
    async with open_desk(ctx) as desk:
        await SET(
            desk.work.db, ctx.user.id, ctx.policy.name, is_available, capacity, required(ctx.policy.support).capacity
        )


async def note(ctx: Ctx, ticket_id: UUID, text: str) -> Note:
    """Note something about a ticket that the caller sees; raises TICKET_NOT_FOUND."""
    await tickets.get_as_staff(ctx, ticket_id)
    made = Note(ctx.new_id(), text, clock.now(), ctx.user.id, ctx.user.person.name)
    await NOTE(
        ctx.db, made.id, ticket_id, made.author_id, tickets.sealed_text(ctx, TEXT, made.id, text), made.created_at
    )
    return made


async def notes(ctx: Ctx, ticket_id: UUID, query: AfterQuery) -> Rows[Note]:
    """Return one page of the notes about a ticket that the caller sees, latest first; raises TICKET_NOT_FOUND."""
    await tickets.get_as_staff(ctx, ticket_id)
    rows = await NOTES(ctx.db, ticket_id, query.limit + 1, query.after.at, query.after.id)
    return page_of(query, ctx.resources.sealing.opened(rows, "text"), lambda row: Position(row.created_at, row.id))
