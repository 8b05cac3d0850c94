"""A market with support: customers, agents and a supervisor, and what is in the database about them."""

from collections.abc import Awaitable
from dataclasses import dataclass
from uuid import UUID

import pytest

from core.base.errors import AppError
from core.messages import history, sending
from core.messages.sending import NewMessage
from core.support import agents, following, tickets
from core.support.states import Priority, State
from core.support.tickets import TicketRow
from core.work.context import Ctx
from tests.bazaar.policy import POLICY
from tests.flow.conftest import Environment
from tests.flow.conftest import env as env

WRONG = """
    select 'load of ' || a.user_id from support_agents a where a.load <> (
        select count(*) from support_tickets t where t.agent_id = a.user_id and t.resolved_at is null
    )
    union all
    select 'over capacity: ' || user_id from support_agents where load > capacity
    union all
    select 'waits: ' || t.id from support_tickets t
    where t.agent_id is null and t.resolved_at is null
        and exists (select from support_agents a where a.is_available and a.load < a.capacity)
    union all
    select 'members of ' || t.id from support_tickets t
    where array(select user_id from members m where m.conversation_id = t.id and m.left_at is null order by 1)
        <> array(select one from unnest(array[t.customer_id, t.agent_id]) one where one is not null order by 1)"""


@dataclass
class Support:
    """The people of a market, as the contexts of their calls."""

    env: Environment

    async def someone(self, role: str) -> Ctx:
        return self.env.ctx((await self.env.person(role.title(), role))[0])

    async def customer(self) -> Ctx:
        return await self.someone("buyer")

    async def agent(self, capacity: int = 2, *, is_available: bool = True) -> Ctx:
        agent = await self.someone("agent")
        await agents.set_availability(agent, capacity, is_available=is_available)
        return agent

    async def ticket(self, customer: Ctx | None = None, priority: Priority = "medium") -> TicketRow:
        return await tickets.open_ticket(customer or await self.customer(), "Help", "other", priority, "")

    async def say(self, who: Ctx, id: UUID, text: str = "Hello") -> None:
        """Send a message, and do what a worker does about it."""
        await sending.send(who, id, NewMessage(text))
        await following.follow(self.worker, [id])

    @property
    def worker(self) -> Ctx:
        """The context of a worker."""
        return Ctx(self.env.resources, self.env.publisher, POLICY, "test")

    async def agent_of(self, id: UUID) -> UUID | None:
        agent: UUID | None = await self.env.resources.db.fetchval(
            "select agent_id from support_tickets where id = $1", id
        )
        return agent

    async def state_of(self, id: UUID) -> State:
        state: State = await self.env.resources.db.fetchval("select state from support_tickets where id = $1", id)
        return state

    async def wrong(self) -> list[str]:
        """Return what of the promises does not hold in the database."""
        return [text for (text,) in await self.env.resources.db.fetch(WRONG)]


async def refusal(call: Awaitable[object]) -> str:
    """Return the code of the error that a call raises; "": none."""
    try:
        await call
    except AppError as error:
        return error.kind.code
    return ""


async def reads(who: Ctx, id: UUID) -> bool:
    """Return whether somebody can read a conversation."""
    return {"": True, "NOT_A_MEMBER": False}[await refusal(history.page(who, id, None, 10))]


@pytest.fixture
def support(env: Environment) -> Support:
    return Support(env)
