"""What is for staff alone: notes, who is there, and how it goes."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from core.base.errors import NOT_FOUND, TICKET_NOT_FOUND
from core.base.paging import AfterQuery
from core.market.traits import call
from core.support import agents
from core.support.agents import Agent, Count, Note
from core.text.fields import Prose
from core.work.context import Ctx


class NewNote(msgspec.Struct, frozen=True):
    text: Prose


class NotePage(msgspec.Struct, frozen=True, rename="camel"):
    notes: list[Note]
    next_cursor: str | None


class Availability(msgspec.Struct, frozen=True, rename="camel"):
    """Whether an agent gets tickets, and how many at once; without a number as many as before."""

    is_available: bool
    capacity: Annotated[int, Meta(ge=1, le=100)] | None = None


class Agents(msgspec.Struct, frozen=True):
    agents: list[Agent]


class Statistics(msgspec.Struct, frozen=True, rename="camel"):
    """What is not resolved; the median of the last 30 days, in seconds; and each agent."""

    open: list[Count]
    first_answer: float | None
    agents: list[Agent]


@call(TICKET_NOT_FOUND)
async def list_notes(ctx: Ctx, ticket_id: UUID, query: AfterQuery) -> NotePage:
    """Get what agents have noted about a ticket, the latest first"""
    page = await agents.notes(ctx, ticket_id, query)
    return NotePage(page.rows, page.next_cursor)


@call(TICKET_NOT_FOUND, statuses=(201,))
async def add_note(ctx: Ctx, ticket_id: UUID, body: NewNote) -> Note:
    """Note something about a ticket for other agents; its customer never gets it"""
    return await agents.note(ctx, ticket_id, body.text)


@call(needs="support")
async def list_agents(ctx: Ctx) -> Agents:
    """Get the agents, and how many tickets each has"""
    return Agents(await agents.list_all(ctx))


@call(statuses=(204,), needs="support")
async def set_availability(ctx: Ctx, body: Availability) -> None:
    """Get tickets from now on, or no more of them"""
    await agents.set_availability(ctx, body.capacity, is_available=body.is_available)


@call(NOT_FOUND)
async def get_statistics(ctx: Ctx) -> Statistics:
    """Get how many tickets are open, how fast they are answered, and by whom"""
    counts, first_answer = await agents.counts(ctx)
    return Statistics(counts, first_answer, await agents.list_all(ctx))
