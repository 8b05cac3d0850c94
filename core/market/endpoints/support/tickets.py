"""Tickets. Messages in them are those of their conversations, which have the same ids."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from core.base.errors import AGENT_UNAVAILABLE, FORBIDDEN, TICKET_NOT_FOUND, TICKET_STATE_NOT_POSSIBLE
from core.base.paging import AfterQuery
from core.base.people import Person
from core.limits import weights
from core.market.endpoints import messages
from core.market.endpoints.messages import NOT_MY_MESSAGE, HistoryQuery, MessagePage
from core.market.traits import call
from core.messages import history
from core.support import tickets
from core.support.states import Priority, State
from core.support.tickets import TicketRow
from core.text.fields import Description, Name, view_of
from core.work.context import Ctx

Category = Annotated[str, Meta(max_length=64)]


class NewTicket(msgspec.Struct, frozen=True):
    subject: Name
    category: Category
    priority: Priority = "medium"
    description: Description = ""


class TicketChange(msgspec.Struct, frozen=True):
    """What is given is changed."""

    subject: Name | None = None
    category: Category | None = None
    priority: Priority | None = None


class NewState(msgspec.Struct, frozen=True):
    state: State


class Assignment(msgspec.Struct, frozen=True, rename="camel"):
    """To whom; null: to whom it would go if it were new."""

    agent_id: UUID | None


class Stars(msgspec.Struct, frozen=True):
    rating: Annotated[int, Meta(ge=1, le=5)]


class Ticket(msgspec.Struct, frozen=True, rename="camel"):
    """A ticket; its id is that of its conversation. `answeredAt`: the first message of an agent."""

    id: UUID
    subject: str
    description: str
    category: str
    priority: Priority
    state: State
    customer: Person
    agent: Person | None
    created_at: datetime
    answered_at: datetime | None
    resolved_at: datetime | None
    rating: int | None


class TicketQuery(AfterQuery, frozen=True, rename="camel"):
    state: State | None = None


class TicketPage(msgspec.Struct, frozen=True, rename="camel"):
    tickets: list[Ticket]
    next_cursor: str | None


@call(FORBIDDEN, weight=weights.CONVERSATION, needs="support")
async def open_ticket(ctx: Ctx, body: NewTicket) -> Ticket:
    """Ask for support: a conversation with an agent, the one who has most room or the next who has any"""
    return _view(await tickets.open_ticket(ctx, body.subject, body.category, body.priority, body.description))


@call(needs="support")
async def list_tickets(ctx: Ctx, query: TicketQuery) -> TicketPage:
    """Get the customer's tickets; those of an agent and what waits; all of them for supervisors; the latest first"""
    page = await tickets.page(ctx, query.state, query)
    return TicketPage([_view(row) for row in page.rows], page.next_cursor)


@call(TICKET_NOT_FOUND)
async def get_ticket(ctx: Ctx, ticket_id: UUID) -> Ticket:
    """Get one ticket"""
    return _view(await tickets.get(ctx, ticket_id))


@call(TICKET_NOT_FOUND, *NOT_MY_MESSAGE)
async def list_messages(ctx: Ctx, ticket_id: UUID, query: HistoryQuery) -> MessagePage:
    """Get messages of a ticket, of any as a supervisor; the audit log says who has read"""
    if tickets.side_of(ctx) != "supervisor":
        return await messages.list_messages(ctx, ticket_id, query)
    await tickets.oversee(ctx, ticket_id)
    return MessagePage(*await history.read(ctx, ticket_id, query.before, query.limit))


@call(TICKET_NOT_FOUND)
async def change_ticket(ctx: Ctx, ticket_id: UUID, body: TicketChange) -> Ticket:
    """Change what a ticket is about, or how urgent it is"""
    return _view(await tickets.sort(ctx, ticket_id, body.subject, body.category, body.priority))


@call(FORBIDDEN, TICKET_NOT_FOUND, TICKET_STATE_NOT_POSSIBLE, weight=weights.NOTICE)
async def set_state(ctx: Ctx, ticket_id: UUID, body: NewState) -> Ticket:
    """Change the state of a ticket; when it is closed, nothing can be written in it any more"""
    return _view(await tickets.set_state(ctx, ticket_id, body.state))


@call(FORBIDDEN, TICKET_NOT_FOUND, TICKET_STATE_NOT_POSSIBLE, AGENT_UNAVAILABLE, statuses=(204,), weight=weights.NOTICE)
async def assign(ctx: Ctx, ticket_id: UUID, body: Assignment) -> None:
    """Give a ticket to another agent, who alone reads it from then on, or back to the queue"""
    await tickets.assign(ctx, ticket_id, body.agent_id)


@call(TICKET_NOT_FOUND, TICKET_STATE_NOT_POSSIBLE)
async def rate(ctx: Ctx, ticket_id: UUID, body: Stars) -> Ticket:
    """Say how content one is with what was resolved"""
    return _view(await tickets.rate(ctx, ticket_id, body.rating))


def _view(row: TicketRow) -> Ticket:
    return view_of(Ticket, row)
