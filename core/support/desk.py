"""The desk: all that changes who has which ticket goes through it, one transaction at a time in each market.

So nothing waits while an agent has room: what frees room, or opens or reopens a ticket, assigns what waits before it commits. The
lock is taken before those of conversations, which are taken together and in order, as append_messages does it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import msgspec

from core.accounts.status.states import IS_ACTIVE
from core.base import clock
from core.base.events import ConversationClosed, MembersChanged
from core.base.people import Person
from core.chat import notes
from core.chat.conversations import CLOSE
from core.chat.membership import ADD_MEMBERS, MEMBERS_OF, REMOVE_MEMBER
from core.platform.db import Many, Scalar
from core.support.states import DONE, NEXT, State
from core.work.context import Ctx
from core.work.notices import Notice
from core.work.rules import required
from core.work.rules.support import SupportRules
from core.work.unit_of_work import UnitOfWork, unit_of_work

# Without its subject, which is the customer's own words: it would stay in the agent's list when the customer's data is erased.
TICKET_ASSIGNED: Final = Notice("ticket_assigned", "New ticket", "A ticket is assigned to you", "ticket")
NOBODY: Final = UUID(int=0)  # has joined by choice
PLACED_AT_ONCE: Final = 20  # in one transaction, which keeps their conversations locked


class TicketId(msgspec.Struct, frozen=True):
    id: UUID


class Change(msgspec.Struct, frozen=True):
    """What is not yet so in the conversation of a ticket: who leaves it (the customer: nobody), who joins it."""

    id: UUID
    leaves: list[UUID]
    joins: UUID | None
    closes: bool


LOCK = Scalar(int, "select 1 from pg_advisory_xact_lock(hashtextextended('support:' || $1, 0))")
LOCK_CONVERSATIONS = Many(
    TicketId, "select id from conversations where id = any ($1::uuid[]) order by id for no key update"
)
# An agent `a`, of user `u` and roles $2, who may get a ticket.
HAS_ROOM = (
    f"a.is_available and a.load < a.capacity and u.role = any ($2::text[]) and u.deleted_at is null and {IS_ACTIVE}"
)
# The first ticket that waits, to the agent with the lowest share of load, of these to who has got none for longest.
PLACE = Scalar(
    UUID,
    f"""
    update support_tickets t set agent_id = g.user_id
    from (
        select id from support_tickets where market = $1 and agent_id is null and resolved_at is null
        order by rank, created_at, id limit 1
    ) w, (
        select a.user_id from support_agents a join users u on u.id = a.user_id where a.market = $1 and {HAS_ROOM}
        order by a.load::float8 / a.capacity, a.assigned_at nulls first, a.user_id limit 1
    ) g
    where t.id = w.id returning t.id""",  # noqa: S608 - no input in it
)
# Ticket $1 from one of the states $4 to $3. One that is reopened stays with its agent only if there is room (roles $2).
MOVE = Scalar(
    UUID,
    f"""
    update support_tickets t set state = $3,
        state_seq = (select c.last_seq from conversations c where c.id = t.id),
        resolved_at = case when $3 = any ($5::text[]) then coalesce(t.resolved_at, $6) end,
        agent_id = case when t.resolved_at is null or $3 = any ($5::text[]) or exists (
            select from support_agents a join users u on u.id = a.user_id where a.user_id = t.agent_id and {HAS_ROOM}
        ) then t.agent_id end
    where t.id = $1 and t.state = any ($4::text[]) returning t.id""",  # noqa: S608 - no input in it
)
CHANGES = Many(
    Change,
    """
    select * from (
        select t.id,
            array(
                select m.user_id from members m
                where m.conversation_id = t.id and m.left_at is null and m.user_id <> t.customer_id
                    and m.user_id is distinct from t.agent_id order by m.user_id
            ) as leaves,
            case when not exists (
                select from members m where m.conversation_id = t.id and m.user_id = t.agent_id and m.left_at is null
            ) then t.agent_id end as joins,
            t.state = 'closed' and c.closed_at is null as closes
        from support_tickets t join conversations c on c.id = t.id where t.id = any ($1::uuid[])
    ) c where cardinality(leaves) > 0 or joins is not null or closes order by id""",
)
WAITING = Scalar(int, "select count(*) from support_tickets where agent_id is null and resolved_at is null")


@dataclass(slots=True)
class Desk:
    """One transaction that changes tickets.

    `touched`: those whose agent or state may have changed; `says`: what the caller says in them.
    """

    ctx: Ctx
    work: UnitOfWork
    rules: SupportRules
    touched: set[UUID] = field(default_factory=set)
    says: dict[UUID, str] = field(default_factory=dict)

    async def move(self, id: UUID, state: State) -> bool:
        """Give a ticket a state; False: from the one that it has it cannot get it."""
        before = [one for one, after in NEXT.items() if state in after]
        self.touched.add(id)
        return bool(await MOVE(self.work.db, id, list(self.rules.agents), state, before, list(DONE), clock.now()))

    async def place(self) -> bool:
        """Assign what waits to agents who have room; False: there may be more of it."""
        for _ in range(PLACED_AT_ONCE):
            if not (id := await PLACE(self.work.db, self.ctx.policy.name, list(self.rules.agents))):
                return True
            self.touched.add(id)
        return False

    async def settle(self) -> None:
        """Let the members of the conversations be customer and agent, and close those of closed tickets."""
        await LOCK_CONVERSATIONS(self.work.db, list(self.touched))
        for id, text in self.says.items():
            await notes.log(self.work, id, self.ctx.user.person, "{actor}: " + text)
        for change in await CHANGES(self.work.db, list(self.touched)):
            for id in change.leaves:
                if gone := await REMOVE_MEMBER(self.work.db, change.id, id, False):
                    await self._say(change.id, gone, "{actor} left", is_member=False)
            if change.joins:
                market = self.ctx.policy.name
                for agent in await ADD_MEMBERS(self.work.db, change.id, [change.joins], "member", market, NOBODY):
                    await self._say(change.id, agent, "{actor} joined", is_member=True)
                    await self.work.notify(TICKET_ASSIGNED, [agent.id], change.id)
                    await self.work.record("ticket.assign", change.id, agent_id=str(agent.id))
            if change.closes and (at := await CLOSE(self.work.db, change.id, clock.now())):
                self.work.emit(
                    [m.user_id for m in await MEMBERS_OF(self.work.db, change.id)], ConversationClosed(change.id, at)
                )

    async def _say(self, id: UUID, agent: Person, template: str, *, is_member: bool) -> None:
        await notes.log(self.work, id, agent, template, [agent] if is_member else [])
        self.work.emit([agent.id], MembersChanged(id, agent.id, is_member))


@asynccontextmanager
async def open_desk(ctx: Ctx, *, places: bool = True) -> AsyncIterator[Desk]:
    """Change tickets; then what waits is assigned, unless the block has locked conversations, and the conversations follow."""
    rules = required(ctx.policy.support)
    async with unit_of_work(ctx) as work:
        await LOCK(work.db, ctx.policy.name)
        desk = Desk(ctx, work, rules)
        yield desk
        is_all = not places or await desk.place()
        await desk.settle()
    if not is_all:
        async with open_desk(ctx):
            pass
