"""Who gets which ticket, whatever happens at once."""

import asyncio
import random
from collections.abc import Awaitable

import asyncpg
import pytest

from core.base.errors import AppError
from core.messages import sending
from core.messages.sending import NewMessage
from core.support import agents, desk, following, tickets
from core.support.states import NEXT
from core.support.tickets import TicketRow
from tests.flow.api.conftest import generous as generous
from tests.flow.support.conftest import Support, refusal

pytestmark = pytest.mark.parametrize("env", ["bazaar"], indirect=True)


async def test_a_ticket_goes_to_the_lowest_share_of_load_then_to_who_got_none_for_longest(support: Support) -> None:
    small, large = await support.agent(1), await support.agent(4)
    first = await support.ticket()
    assert first.agent_id in {small.user.id, large.user.id}
    given = [first.agent_id, *[(await support.ticket()).agent_id for _ in range(4)]]
    assert given.count(small.user.id) == 1
    assert given.count(large.user.id) == 4
    assert given[0] != given[1]  # who has none yet, before who has a quarter
    assert (await support.ticket()).agent_id is None
    assert await support.wrong() == []


async def test_two_agents_of_equal_load_take_turns(support: Support) -> None:
    for _ in range(2):
        await support.agent(3)
    given = [(await support.ticket()).agent_id for _ in range(6)]
    assert given[0:2] == given[2:4] == given[4:6]
    assert given[0] != given[1]


async def test_many_tickets_at_once_fill_all_agents_and_none_beyond_capacity(support: Support) -> None:
    for _ in range(3):
        await support.agent(2)
    customers = [await support.customer() for _ in range(9)]
    opened = await asyncio.gather(*(support.ticket(one) for one in customers))
    assert [await support.agent_of(one.id) for one in opened].count(None) == 3
    assert await support.wrong() == []


async def test_the_database_gives_nobody_more_than_there_is_room_for(support: Support) -> None:
    agent = await support.agent(1)
    await support.ticket()
    waiting = await support.ticket()
    with pytest.raises(asyncpg.CheckViolationError):
        await support.env.resources.db.execute(
            "update support_tickets set agent_id = $2 where id = $1", waiting.id, agent.user.id
        )
    assert await support.agent_of(waiting.id) is None


async def test_what_is_resolved_makes_room_for_the_most_urgent_then_the_oldest(support: Support) -> None:
    agent = await support.agent(1)
    first = await support.ticket()
    low, urgent, later = [await support.ticket(priority=one) for one in ("low", "urgent", "urgent")]
    await tickets.set_state(agent, first.id, "resolved")
    assert await support.agent_of(urgent.id) == agent.user.id
    await tickets.set_state(agent, urgent.id, "closed")
    assert await support.agent_of(later.id) == agent.user.id
    await tickets.set_state(agent, later.id, "resolved")
    assert await support.agent_of(low.id) == agent.user.id
    assert await support.wrong() == []


async def test_an_agent_who_comes_gets_what_waits_and_one_who_goes_keeps_what_she_has(support: Support) -> None:
    agent = await support.agent(2, is_available=False)
    waiting = [await support.ticket() for _ in range(3)]
    assert [await support.agent_of(one.id) for one in waiting] == [None] * 3
    await agents.set_availability(agent, None, is_available=True)
    assert [await support.agent_of(one.id) for one in waiting] == [agent.user.id] * 2 + [None]
    await agents.set_availability(agent, 5, is_available=False)
    assert [await support.agent_of(one.id) for one in waiting] == [agent.user.id] * 2 + [None]
    assert await support.wrong() == []


async def test_who_gets_many_at_once_gets_all_of_them_a_few_in_each_transaction(
    support: Support, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "PLACED_AT_ONCE", 3)
    waiting = [await support.ticket() for _ in range(8)]
    agent = await support.agent(7)
    given = [await support.agent_of(one.id) for one in waiting]
    assert given == [agent.user.id] * 7 + [None]
    assert await support.wrong() == []


async def test_one_who_is_suspended_or_no_agent_any_more_gets_nothing(support: Support) -> None:
    suspended, promoted = await support.agent(), await support.agent()
    db = support.env.resources.db
    await db.execute("update users set status = 'suspended' where id = $1", suspended.user.id)
    await db.execute("update users set role = 'buyer' where id = $1", promoted.user.id)
    assert (await support.ticket()).agent_id is None


async def test_a_ticket_is_passed_on_only_to_an_agent_who_has_room(support: Support) -> None:
    agent = await support.agent(2)
    ticket = await support.ticket()
    full, absent = await support.agent(1), await support.agent(is_available=False)
    await support.ticket()
    customer = await support.customer()
    for one in (full, absent, customer):
        with pytest.raises(AppError, match="takes no more"):
            await tickets.assign(agent, ticket.id, one.user.id)
    assert await support.agent_of(ticket.id) == agent.user.id
    free = await support.agent(1)
    await tickets.assign(agent, ticket.id, free.user.id)
    assert await support.agent_of(ticket.id) == free.user.id
    assert await support.wrong() == []


async def test_two_agents_who_take_one_waiting_ticket_do_not_both_have_it(support: Support) -> None:
    pair = [await support.agent(2, is_available=False) for _ in range(2)]
    ticket = await support.ticket()
    db = support.env.resources.db
    await db.execute("update support_agents set is_available = true")  # behind the back of the desk: nothing is placed
    taken = (refusal(tickets.assign(agent, ticket.id, agent.user.id)) for agent in pair)
    assert sorted(await asyncio.gather(*taken)) == ["", "TICKET_NOT_FOUND"]  # it is another's now
    assert await support.wrong() == []


async def test_a_supervisor_assigns_any_ticket_and_an_agent_only_her_own(support: Support) -> None:
    agent, other, boss = await support.agent(), await support.agent(), await support.someone("supervisor")
    ticket = await support.ticket()
    mine, theirs = (agent, other) if ticket.agent_id == agent.user.id else (other, agent)
    with pytest.raises(AppError, match="no such ticket"):
        await tickets.assign(theirs, ticket.id, theirs.user.id)
    await tickets.assign(boss, ticket.id, theirs.user.id)
    assert await support.agent_of(ticket.id) == theirs.user.id
    with pytest.raises(AppError, match="no such ticket"):
        await tickets.set_state(mine, ticket.id, "resolved")


@pytest.mark.usefixtures("generous")
async def test_nothing_waits_while_an_agent_has_room_whatever_happens_at_once(support: Support) -> None:
    dice, codes = random.Random(1), set[str]()
    staff = [await support.agent(dice.randint(1, 3)) for _ in range(4)]
    boss, customers = await support.someone("supervisor"), [await support.customer() for _ in range(4)]
    opened = [await support.ticket(one) for one in customers for _ in range(3)]
    writer = {one.user.id: one for one in customers}

    def send(ticket: TicketRow) -> Awaitable[object]:
        return sending.send(writer[ticket.customer_id], ticket.id, NewMessage("Hello"))

    async def act() -> None:
        ticket, agent = dice.choice(opened), dice.choice(staff)
        match dice.randrange(7):
            case 0:
                opened.append(await support.ticket(dice.choice(customers), dice.choice(("low", "urgent"))))
            case 1:
                await agents.set_availability(agent, dice.randint(1, 3), is_available=dice.random() < 0.6)
            case 2:
                await tickets.assign(boss, ticket.id, dice.choice((None, agent.user.id)))
            case 3 | 4:  # one batch of the log: it locks these conversations in order
                codes.update(await asyncio.gather(*(refusal(send(one)) for one in dice.sample(opened, 6))))
                await following.follow(support.worker, [one.id for one in opened])
            case 5:
                await following.tend(support.worker)
            case _:
                await tickets.set_state(boss, ticket.id, dice.choice(list(NEXT)))

    async def acts() -> None:
        codes.update([await refusal(act()) for _ in range(12)])

    await asyncio.gather(*(acts() for _ in range(8)))
    assert codes <= {"", "TICKET_STATE_NOT_POSSIBLE", "AGENT_UNAVAILABLE", "CONVERSATION_CLOSED"}
    assert [one for one in await support.wrong() if not one.startswith("over capacity")] == []  # some took less on


async def test_an_erased_agent_has_no_tickets_and_others_get_them(support: Support) -> None:
    agent = await support.agent(1)
    ticket = await support.ticket()
    other = await support.agent(1)
    await support.env.resources.db.execute("update users set deleted_at = now() where id = $1", agent.user.id)
    for statement in (*tickets.PERSONAL_DATA.last, *agents.PERSONAL_DATA.last):
        await statement(support.env.resources.db, agent.user.id)
    await following.tend(support.worker)
    assert await support.agent_of(ticket.id) == other.user.id
    assert await support.wrong() == []
