"""What people see of tickets, and what their messages do."""

import asyncio
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from core.base.errors import AppError
from core.base.paging import AfterQuery
from core.chat import conversations, groups
from core.messages import history, sending
from core.messages.sending import NewMessage
from core.support import agents, desk, following, tickets
from core.support.states import DONE, NEXT, WRITTEN, State
from core.work.context import Ctx
from tests.flow.conftest import PATIENCE, Environment
from tests.flow.support.conftest import Support, reads
from workers.app import open_worker

pytestmark = pytest.mark.parametrize("env", ["bazaar"], indirect=True)
ALL = AfterQuery(limit=100)


async def test_a_ticket_is_a_conversation_of_its_customer_and_its_agent(support: Support) -> None:
    agent, customer = await support.agent(), await support.customer()
    ticket = await support.ticket(customer)
    conversation = await conversations.get(agent, ticket.id)
    assert (conversation.kind, conversation.title) == ("support", "Help")
    assert {member.id for member in conversation.members} == {agent.user.id, customer.user.id}
    assert [one.content for one in (await history.page(customer, ticket.id, None, 10))[0]] == ["Agent joined"]
    with pytest.raises(AppError, match="fixed"):
        await groups.add(customer, ticket.id, [(await support.customer()).user.id])
    with pytest.raises(AppError, match="fixed"):
        await groups.remove(agent, ticket.id, agent.user.id)


async def test_an_agent_is_notified_of_a_ticket_that_she_gets(support: Support) -> None:
    agent = await support.agent()
    ticket = await support.ticket()
    rows = await support.env.resources.db.fetch(
        "select type, entity_id, message from notifications where user_id = $1", agent.user.id
    )
    assert [tuple(row) for row in rows] == [("ticket_assigned", ticket.id, "A ticket is assigned to you")]


async def test_who_has_a_ticket_no_more_reads_and_writes_nothing_in_it(support: Support) -> None:
    first, customer = await support.agent(), await support.customer()
    ticket = await support.ticket(customer)
    await support.say(customer, ticket.id, "For whom I trust")
    assert await reads(first, ticket.id)
    second = await support.agent()
    assert not await reads(second, ticket.id)
    await tickets.assign(first, ticket.id, second.user.id)
    assert not await reads(first, ticket.id)
    assert await reads(second, ticket.id)
    with pytest.raises(AppError, match="Not a participant"):
        await support.say(first, ticket.id)


async def test_a_hub_gives_nothing_more_to_who_has_a_ticket_no_more(support: Support, env: Environment) -> None:
    url = await env.hub()
    former, customer = await env.chatter("Former", url, "agent"), await env.chatter("Customer", url, "buyer")
    first, asking = env.ctx(former.user), env.ctx(customer.user)
    await agents.set_availability(first, None, is_available=True)
    ticket = await support.ticket(asking)
    for one in (former, customer):
        await one.connect()
        assert "error" not in await one.join(ticket.id)
    second = await support.agent()
    await tickets.assign(first, ticket.id, second.user.id)
    assert (await former.heard.next("conversation:members"))["isMember"] is False
    sent = await customer.send(ticket.id, "Only for the second")
    assert "error" not in sent, sent
    await customer.heard.until("message:received", 3)  # two notes, and it
    assert (await former.send(ticket.id, "Still here"))["error"]["code"] == "NOT_A_MEMBER"
    texts = [one["message"]["content"] for one in former.heard.all("message:received")]
    assert "Only for the second" not in texts


async def test_customers_see_their_own_agents_theirs_and_what_waits_supervisors_all(support: Support) -> None:
    agent, other, boss = await support.agent(1), await support.agent(1), await support.someone("supervisor")
    customer = await support.customer()
    own = [(await support.ticket(customer)) for _ in range(3)]
    others = await support.ticket()

    async def seen(who: Ctx) -> set[UUID]:
        return {row.id for row in (await tickets.page(who, None, ALL)).rows}

    waiting = {one.id for one in (*own, others) if await support.agent_of(one.id) is None}
    assert await seen(customer) == {one.id for one in own}
    assert await seen(boss) == {one.id for one in (*own, others)}
    for one in (agent, other):
        assert await seen(one) == waiting | {t.id for t in own if await support.agent_of(t.id) == one.user.id}
    with pytest.raises(AppError, match="no such ticket"):
        await tickets.get(customer, others.id)


async def test_pages_of_tickets_show_each_once(support: Support) -> None:
    customer = await support.customer()
    opened = [(await support.ticket(customer)).id for _ in range(5)]
    seen, cursor = [], None
    for _ in range(3):
        page = await tickets.page(customer, "open", AfterQuery(cursor=cursor, limit=2))
        seen += [row.id for row in page.rows]
        cursor = page.next_cursor
    assert (seen, cursor) == (opened[::-1], None)


async def test_notes_are_for_staff_and_never_in_the_conversation(support: Support) -> None:
    agent, customer = await support.agent(), await support.customer()
    ticket = await support.ticket(customer)
    written = await agents.note(agent, ticket.id, "A difficult one")
    assert (await agents.notes(agent, ticket.id, ALL)).rows == [written]
    messages, _ = await history.page(customer, ticket.id, None, 100)
    assert "A difficult one" not in str(messages)
    for refused in (agents.notes(customer, ticket.id, ALL), agents.note(customer, ticket.id, "I read that")):
        with pytest.raises(AppError, match="Not authorized"):
            await refused


async def test_customers_change_nothing_of_what_staff_decides(support: Support) -> None:
    await support.agent()
    customer = await support.customer()
    ticket = await support.ticket(customer)
    for refused in (
        tickets.set_state(customer, ticket.id, "closed"),
        tickets.assign(customer, ticket.id, customer.user.id),
        tickets.sort(customer, ticket.id, None, None, "urgent"),
    ):
        with pytest.raises(AppError, match="Not authorized"):
            await refused


async def test_the_first_answer_is_an_agents_first_message_and_no_note(support: Support) -> None:
    agent, customer = await support.agent(), await support.customer()
    ticket = await support.ticket(customer)
    await support.say(customer, ticket.id)
    assert (await tickets.get(customer, ticket.id)).answered_at is None
    await support.say(agent, ticket.id, "First")
    await support.say(agent, ticket.id, "Second")
    messages, _ = await history.page(customer, ticket.id, None, 100)
    (first,) = [one for one in messages if one.content == "First"]
    assert (await tickets.get(customer, ticket.id)).answered_at == first.sent_at


async def test_a_message_of_the_customer_ends_waiting_for_her_and_reopens(support: Support) -> None:
    agent, customer = await support.agent(), await support.customer()
    ticket = await support.ticket(customer)
    moves: tuple[tuple[State, State], ...] = (("pending", "open"), ("on_hold", "on_hold"), ("resolved", "reopened"))
    for state, after in moves:
        await tickets.set_state(agent, ticket.id, state)
        await support.say(agent, ticket.id, "By the agent: changes nothing")
        assert await support.state_of(ticket.id) == state
        await support.say(customer, ticket.id, "By the customer")
        assert await support.state_of(ticket.id) == after
        await support.say(customer, ticket.id, "Once more")
        assert await support.state_of(ticket.id) == after
    row = await tickets.get(customer, ticket.id)
    assert (row.resolved_at, row.agent_id) == (None, agent.user.id)
    assert await support.wrong() == []


async def test_what_is_reopened_goes_to_its_agent_if_she_has_room_else_to_another_or_waits(support: Support) -> None:
    agent, customer = await support.agent(1), await support.customer()
    ticket = await support.ticket(customer)
    await tickets.set_state(agent, ticket.id, "resolved")
    full_of = await support.ticket()
    assert await support.agent_of(full_of.id) == agent.user.id
    await support.say(customer, ticket.id)
    assert (await support.state_of(ticket.id), await support.agent_of(ticket.id)) == ("reopened", None)
    assert not await reads(agent, ticket.id)
    other = await support.agent(1)
    assert await support.agent_of(ticket.id) == other.user.id
    assert await support.wrong() == []


async def test_tickets_reopened_at_once_do_not_overfill_their_agent(support: Support) -> None:
    agent, customer = await support.agent(2), await support.customer()
    opened = [await support.ticket(customer) for _ in range(2)]
    for one in opened:
        await tickets.set_state(agent, one.id, "resolved")
    await agents.set_availability(agent, 1, is_available=True)
    await asyncio.gather(*(support.say(customer, one.id) for one in opened))
    assert sorted([await support.agent_of(one.id) is None for one in opened]) == [False, True]
    assert await support.wrong() == []


async def later(support: Support, by: timedelta = timedelta(days=8)) -> None:
    await support.env.resources.db.execute("update support_tickets set resolved_at = resolved_at - $1::interval", by)


async def test_what_was_resolved_long_ago_is_closed_and_nothing_is_written_in_it(support: Support) -> None:
    agent, customer = await support.agent(), await support.customer()
    ticket = await support.ticket(customer)
    await tickets.set_state(agent, ticket.id, "resolved")
    await following.tend(support.worker)
    assert await support.state_of(ticket.id) == "resolved"
    await later(support)
    await following.tend(support.worker)
    assert await support.state_of(ticket.id) == "closed"
    with pytest.raises(AppError, match="closed"):
        await support.say(customer, ticket.id)


async def test_a_message_that_no_worker_has_seen_yet_reopens_instead_of_being_lost_in_a_closed_ticket(
    support: Support,
) -> None:
    agent, customer = await support.agent(), await support.customer()
    ticket = await support.ticket(customer)
    await tickets.set_state(agent, ticket.id, "resolved")
    await later(support)
    await sending.send(customer, ticket.id, NewMessage("Still broken"))  # no worker takes note
    await following.tend(support.worker)
    assert await support.state_of(ticket.id) == "reopened"


async def test_the_customer_is_told_in_the_conversation_that_it_is_resolved(support: Support) -> None:
    agent, customer = await support.agent(), await support.customer()
    ticket = await support.ticket(customer)
    await tickets.set_state(agent, ticket.id, "resolved")
    assert [one.content for one in (await history.page(customer, ticket.id, None, 10))[0]][1:] == ["Agent: resolved"]


async def test_closing_closes_the_conversation_and_nothing_follows(support: Support) -> None:
    agent, customer = await support.agent(), await support.customer()
    ticket = await support.ticket(customer)
    await tickets.set_state(agent, ticket.id, "closed")
    assert (await conversations.get(customer, ticket.id)).closed_at
    for state in NEXT:
        if state != "closed":
            with pytest.raises(AppError, match="cannot become"):
                await tickets.set_state(agent, ticket.id, state)
    with pytest.raises(AppError, match="nobody else"):
        await tickets.assign(agent, ticket.id, None)


def test_the_table_of_states_is_whole(env: object) -> None:
    states = set(NEXT)
    assert set().union(*NEXT.values()) <= states
    assert all(after in NEXT[before] for before, after in WRITTEN.items())
    assert not DONE & set(WRITTEN.values())


async def test_customers_rate_what_is_resolved_only(support: Support) -> None:
    agent, customer = await support.agent(), await support.customer()
    ticket = await support.ticket(customer)
    with pytest.raises(AppError, match="resolved"):
        await tickets.rate(customer, ticket.id, 5)
    await tickets.set_state(agent, ticket.id, "resolved")
    with pytest.raises(AppError, match="no such ticket"):
        await tickets.rate(await support.customer(), ticket.id, 1)
    assert (await tickets.rate(customer, ticket.id, 4)).rating == 4


async def test_statistics_count_what_is_open_and_how_fast_it_is_answered(support: Support) -> None:
    agent = await support.agent(1)
    first, waiting = await support.ticket(priority="high"), await support.ticket(priority="low")
    await support.say(agent, first.id)
    await support.env.resources.db.execute(
        "update support_tickets set created_at = answered_at - interval '90 seconds' where id = $1", first.id
    )
    counts, median = await agents.counts(agent)
    assert [(one.state, one.priority, one.count, one.waiting) for one in counts] == [
        ("open", "high", 1, 0),
        ("open", "low", 1, 1),
    ]
    assert median == pytest.approx(90)
    await tickets.set_state(agent, first.id, "resolved")
    (figures,) = await agents.list_all(agent)
    assert (figures.load, figures.resolved) == (1, 1)
    assert figures.first_answer == pytest.approx(90)
    assert await support.agent_of(waiting.id) == agent.user.id


async def test_a_worker_takes_note_of_messages(
    support: Support, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, customer = await support.agent(), await support.customer()
    ticket = await support.ticket(customer)
    await tickets.set_state(agent, ticket.id, "resolved")
    moved, move = asyncio.Event(), desk.Desk.move

    async def noticed(self: desk.Desk, id: UUID, state: State) -> bool:
        done = await move(self, id, state)
        moved.set()
        return done

    monkeypatch.setattr(desk.Desk, "move", noticed)
    settings = msgspec.structs.replace(env.settings, marketplaces=("bazaar",))
    async with open_worker(settings, env.resources, env.publisher), asyncio.timeout(PATIENCE):
        await sending.send(customer, ticket.id, NewMessage("Still broken"))
        await moved.wait()
    assert await support.state_of(ticket.id) == "reopened"  # the worker has finished its jobs
