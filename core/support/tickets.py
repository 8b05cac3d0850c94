"""Tickets: who sees which, opening one, and what staff and customers change about it. Writing is as in any conversation."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from core.base import clock, errors
from core.base.events import ConversationCreated
from core.base.paging import AfterQuery, Position, Rows, page_of
from core.base.people import Person
from core.chat.conversations import TITLE, titled
from core.chat.membership import ADD_MEMBERS
from core.platform.db import Db, Many, One, Run, Scalar, found
from core.support.desk import HAS_ROOM, open_desk
from core.support.states import Priority, State, require
from core.work import audit
from core.work import rate_limits as limits
from core.work.context import Ctx
from core.work.personal_data import PersonalData, rows_of
from core.work.rules import required
from core.work.unit_of_work import unit_of_work

Side: TypeAlias = Literal["customer", "agent", "supervisor"]


class TicketRow(msgspec.Struct, frozen=True):
    id: UUID
    subject: str
    description: str
    category: str
    priority: Priority
    state: State
    created_at: datetime
    answered_at: datetime | None
    resolved_at: datetime | None
    rating: int | None
    customer_id: UUID
    customer_name: str
    customer_avatar_url: str | None
    agent_id: UUID | None
    agent_name: str | None
    agent_avatar_url: str | None

    @property
    def customer(self) -> Person:
        return Person(self.customer_id, self.customer_name, self.customer_avatar_url)

    @property
    def agent(self) -> Person | None:
        return Person(self.agent_id, self.agent_name or "", self.agent_avatar_url) if self.agent_id else None


DESCRIPTION: Final = "support_tickets.description"
DESCRIBED: Final = f"placed(t.description, '{DESCRIPTION} ' || t.id)"
_TICKET = f"""
    select t.id, coalesce({titled("c")}, '') as subject,
        {DESCRIBED} as description, t.category, t.priority, t.state, t.created_at, t.answered_at,
        t.resolved_at, t.rating, t.customer_id, u.name as customer_name, u.avatar_url as customer_avatar_url, t.agent_id,
        a.name as agent_name, a.avatar_url as agent_avatar_url
    from support_tickets t join conversations c on c.id = t.id join users u on u.id = t.customer_id
    left join users a on a.id = t.agent_id where t.market = $2 and """  # noqa: S608 - no input in it
# Of user $1 in market $2.
_SEEN: Final[Mapping[Side, str]] = {
    "customer": "t.customer_id = $1",
    "agent": "(t.agent_id = $1 or t.agent_id is null and t.resolved_at is null)",
    "supervisor": "$1::uuid is not null",
}
ONE: Final = {side: One(TicketRow, f"{_TICKET} {seen} and t.id = $3") for side, seen in _SEEN.items()}
PAGE: Final = {
    side: Many(
        TicketRow,
        f"""{_TICKET} {seen} and ($3::text is null or t.state = $3) and (t.created_at, t.id) < ($5, $6)
        order by t.created_at desc, t.id desc limit $4""",
    )
    for side, seen in _SEEN.items()
}
CONVERSE = Run("insert into conversations (id, market, kind, title, created_by) values ($1, $2, 'support', $3, $4)")
OPEN = Run(
    """
    insert into support_tickets (id, market, customer_id, category, priority, description, created_at)
    values ($1, $2, $3, $4, $5, $6, $7)"""
)
RETITLE = Run("update conversations set title = $2 where id = $1")
SORT = Run(
    "update support_tickets set category = coalesce($2, category), priority = coalesce($3, priority) where id = $1"
)
UNASSIGN = Run("update support_tickets set agent_id = null where id = $1 and resolved_at is null")
ASSIGN = Scalar(
    UUID,
    f"""
    update support_tickets t set agent_id = u.id from support_agents a join users u on u.id = a.user_id
    where t.id = $1 and t.resolved_at is null and a.user_id = $3 and a.market = t.market
        and (t.agent_id = $3 or {HAS_ROOM}) returning t.id""",  # noqa: S608 - no input in it
)
RATE = Scalar(UUID, "update support_tickets set rating = $2 where id = $1 and resolved_at is not null returning id")
PERSONAL_DATA = PersonalData(
    "tickets",
    frozenset({"support_tickets"}),
    rows_of(
        f"""
        select t.id, {titled("c")} as subject, {DESCRIBED} as description, t.category, t.priority, t.state, t.created_at,
            t.answered_at,
            t.resolved_at, t.rating
        from support_tickets t join conversations c on c.id = t.id where t.customer_id = $1"""  # noqa: S608 - no input in it
    ),
    later=(
        Run(
            """
            update conversations set title = '', closed_at = coalesce(closed_at, now()) where id in (
                select t.id from support_tickets t join conversations c on c.id = t.id
                where t.customer_id = $1 and (c.title <> '' or c.closed_at is null) limit $2
            )"""
        ),
    ),
    last=(
        Run(
            """
            update support_tickets set description = '', state = 'closed', resolved_at = coalesce(resolved_at, now())
            where customer_id = $1 and (description <> '' or state <> 'closed')"""
        ),
        Run("update support_tickets set agent_id = null where agent_id = $1 and resolved_at is null"),
    ),
    kept="That there was a ticket, when it was answered and resolved, and how that was rated.",
)


def side_of(ctx: Ctx) -> Side:
    """Return as what the caller sees tickets."""
    rules = required(ctx.policy.support)
    return (
        "supervisor" if ctx.user.role in rules.supervisors else "agent" if ctx.user.role in rules.agents else "customer"
    )


async def get(ctx: Ctx, id: UUID, db: Db | None = None) -> TicketRow:
    """Return a ticket that the caller sees: the customer's own, an agent's own and what waits; raises TICKET_NOT_FOUND."""
    return await _one(ctx, side_of(ctx), id, db)


async def get_as_staff(ctx: Ctx, id: UUID, db: Db | None = None) -> TicketRow:
    """Return a ticket that the caller sees, who is no customer; raises FORBIDDEN, TICKET_NOT_FOUND."""
    if side_of(ctx) == "customer":
        raise errors.FORBIDDEN.error()
    return await get(ctx, id, db)


async def oversee(ctx: Ctx, id: UUID) -> None:
    """Let a supervisor read what is said in a ticket, and record that; raises TICKET_NOT_FOUND."""
    await get(ctx, id)
    await audit.record(ctx, ctx.db, "ticket.read", id, {})


async def page(ctx: Ctx, state: State | None, query: AfterQuery) -> Rows[TicketRow]:
    """Return one page of the tickets that the caller sees, latest first."""
    asked = (ctx.user.id, ctx.policy.name, state, query.limit + 1, query.after.at, query.after.id)
    rows = _opened(ctx, await PAGE[side_of(ctx)](ctx.db, *asked))
    return page_of(query, rows, lambda row: Position(row.created_at, row.id))


async def open_ticket(ctx: Ctx, subject: str, category: str, priority: Priority, description: str) -> TicketRow:
    """Open a ticket of the caller, whose id is that of its conversation; raises VALIDATION_ERROR, RATE_LIMITED, FORBIDDEN."""
    _require_category(ctx, category)
    if side_of(ctx) != "customer":
        raise errors.FORBIDDEN.error("Tickets are opened by customers")
    await limits.take(ctx, required(ctx.policy.support).opened, str(ctx.user.id))
    id, market, user_id = ctx.new_id(), ctx.policy.name, ctx.user.id
    async with open_desk(ctx) as desk:
        await CONVERSE(desk.work.db, id, market, sealed_text(ctx, TITLE, id, subject), user_id)
        described = sealed_text(ctx, DESCRIPTION, id, description)
        await OPEN(desk.work.db, id, market, user_id, category, priority, described, clock.now())
        await ADD_MEMBERS(desk.work.db, id, [user_id], "member", market, user_id)
        desk.work.emit([user_id], ConversationCreated(id))
    return await get(ctx, id)


async def sort(ctx: Ctx, id: UUID, subject: str | None, category: str | None, priority: Priority | None) -> TicketRow:
    """Change what is given, as staff; raises TICKET_NOT_FOUND, VALIDATION_ERROR."""
    if category is not None:
        _require_category(ctx, category)
    async with unit_of_work(ctx) as work:
        await get_as_staff(ctx, id, work.db)
        await SORT(work.db, id, category, priority)
        if subject is not None:
            await RETITLE(work.db, id, sealed_text(ctx, TITLE, id, subject))
        await work.record("ticket.sort", id)
    return await get(ctx, id)


async def set_state(ctx: Ctx, id: UUID, state: State) -> TicketRow:
    """Change the state as the agent to whom it is assigned, or as a supervisor; raises as `_own`, TICKET_STATE_NOT_POSSIBLE."""
    async with open_desk(ctx) as desk:
        row = await _own(ctx, id, desk.work.db)
        if state != row.state:
            require(row.state, state)
            await desk.move(id, state)
            desk.says[id] = state.replace("_", " ")
            await desk.work.record("ticket.state", id, state=state)
    # Another agent may have it now, if the one who reopened it has no room.
    return await _one(ctx, "supervisor", id)


async def assign(ctx: Ctx, id: UUID, agent_id: UUID | None) -> None:
    """Assign a ticket to an agent, or (None) to the one who has most room now.

    Agents pass on their own and take what waits, supervisors any. Raises as `_own`, AGENT_UNAVAILABLE, TICKET_STATE_NOT_POSSIBLE.
    """
    async with open_desk(ctx) as desk:
        takes = agent_id == ctx.user.id
        row = await (get_as_staff if takes else _own)(ctx, id, desk.work.db)
        if row.resolved_at:
            raise errors.TICKET_STATE_NOT_POSSIBLE.error(f"A ticket that is {row.state} is assigned to nobody else")
        desk.touched.add(id)
        if agent_id is None:
            await UNASSIGN(desk.work.db, id)
        elif not await ASSIGN(desk.work.db, id, list(desk.rules.agents), agent_id):
            raise errors.AGENT_UNAVAILABLE.error()


async def rate(ctx: Ctx, id: UUID, stars: int) -> TicketRow:
    """Say how content the customer is with what was resolved; raises TICKET_NOT_FOUND, TICKET_STATE_NOT_POSSIBLE."""
    row = await get(ctx, id)
    if not await RATE(ctx.db, id, stars):
        raise errors.TICKET_STATE_NOT_POSSIBLE.error("Only what is resolved is rated")
    return msgspec.structs.replace(row, rating=stars)


def sealed_text(ctx: Ctx, column: str, row: UUID, text: str) -> str:
    """Return what is stored of a text of a ticket: sealed where messages are."""
    return ctx.sealed(column, row, text) if text and ctx.policy.seals_messages else text


async def _one(ctx: Ctx, side: Side, id: UUID, db: Db | None = None) -> TicketRow:
    row = found(await ONE[side](db or ctx.db, ctx.user.id, ctx.policy.name, id), errors.TICKET_NOT_FOUND.error())
    return _opened(ctx, [row])[0]


def _opened(ctx: Ctx, rows: Sequence[TicketRow]) -> list[TicketRow]:
    sealing = ctx.resources.sealing
    return sealing.opened(sealing.opened(rows, "subject"), "description")


async def _own(ctx: Ctx, id: UUID, db: Db) -> TicketRow:
    """Return a ticket that the caller may change; raises TICKET_NOT_FOUND, FORBIDDEN: it waits for any agent."""
    row = await get_as_staff(ctx, id, db)
    if side_of(ctx) == "agent" and row.agent_id != ctx.user.id:
        raise errors.FORBIDDEN.error("This ticket is not assigned to you")
    return row


def _require_category(ctx: Ctx, category: str) -> None:
    if category not in (allowed := required(ctx.policy.support).categories):
        raise errors.invalid("category", f"Must be one of: {', '.join(sorted(allowed))}")
