"""Many at once: a hundred who never read, and ten thousand who are members of one conversation."""

import asyncio
import resource
from pathlib import Path
from uuid import UUID

import pytest

from core.base.ids import uuid7
from core.notifications.notifications import notify_members
from realtime.engine.transports.websocket import HIGH_WATER, WebSocket
from tests.flow.conftest import Environment, without_limits
from tests.flow.realtime.test_mending import raw_client

STATM = Path("/proc/self/statm")
SLEEPERS = 100
MESSAGES = 400
SAID = "x" * 9_000
AT_ONCE = 20
IN_ONE_TURN = 128 * 1024  # bytes that one write may add to a buffer that was just below the mark
MEMBERS = 10_000
BYTES_A_MEMBER = 1024  # in the memory of a hub
ADD_MEMBERS = """
    with stored as (
        insert into users (id, market, email, password_hash, name, role)
        select id, 'onswift', id || '@example.com', '', 'Member', 'creator' from unnest($2::uuid[]) as id returning id
    )
    insert into members (conversation_id, user_id, role) select $1, id, 'member' from stored"""

pytestmark = pytest.mark.skipif(not STATM.exists(), reason="memory is read from /proc")


def memory() -> int:
    """Return how much memory this process, hubs and clients, has, in bytes."""
    return int(STATM.read_text().split()[1]) * resource.getpagesize()


def unread(env: Environment) -> list[int]:
    """Return how many bytes each connection that is behind makes its hub keep."""
    behind = [session for session in env.hubs[0].engine.sessions.values() if session.behind]
    return [one.transport.transport.get_write_buffer_size() for one in behind if isinstance(one.transport, WebSocket)]


async def test_a_hundred_clients_that_never_read_cost_bounded_memory_and_do_not_delay_others(
    env: Environment,
) -> None:
    url = await env.hub(without_limits(env.settings))
    ann = await (await env.chatter("Ann", url)).connect()
    bob = await (await env.chatter("Bob", url)).connect()
    sleepers = [await env.person(f"Sleeper {i}") for i in range(SLEEPERS)]
    room = await env.group(ann.user, bob.user, *(user for user, _ in sleepers))
    await ann.join(room)
    await bob.join(room)
    asleep = [await raw_client(url, token, room) for _, token in sleepers]
    before = memory()

    for start in range(0, MESSAGES, AT_ONCE):
        sent = await asyncio.gather(*(ann.send(room, f"{start + i:03} {SAID}") for i in range(AT_ONCE)))
        assert all("seq" in answer for answer in sent)

    heard = await bob.heard.until("message:received", MESSAGES)
    assert [one["message"]["seq"] for one in heard] == list(range(1, MESSAGES + 1))
    assert sum(session.behind for session in env.hubs[0].engine.sessions.values()) == SLEEPERS
    assert len(unread(env)) == SLEEPERS
    assert max(unread(env)) <= HIGH_WATER + AT_ONCE * len(SAID) + IN_ONE_TURN
    assert memory() - before < SLEEPERS * (HIGH_WATER + AT_ONCE * len(SAID) + IN_ONE_TURN)
    for _, writer in asleep:
        writer.transport.abort()


async def add_members(env: Environment, room: UUID, count: int) -> None:
    await env.resources.db.execute(ADD_MEMBERS, room, [uuid7() for _ in range(count)])


async def test_ten_thousand_may_be_members_and_only_those_who_are_mentioned_are_notified_once(env: Environment) -> None:
    settings = without_limits(env.settings)
    ann = await (await env.chatter("Ann", await env.hub(settings))).connect()
    bob = await (await env.chatter("Bob", await env.hub(settings))).connect()
    eve, _ = await env.person("Eve")
    room = await env.group(ann.user, bob.user, eve)
    await add_members(env, room, MEMBERS - 3)
    before = memory()

    await ann.join(room)
    await bob.join(room)
    sends = (ann.send(room, f"@Eve {i}", mentions=[str(eve.id)]) for i in range(AT_ONCE))
    sent = await asyncio.gather(*sends)
    await notify_members(env.resources, env.publisher, [room])
    await notify_members(env.resources, env.publisher, [room])

    assert sorted(answer["seq"] for answer in sent) == list(range(1, AT_ONCE + 1))
    heard = await bob.heard.until("message:received", AT_ONCE)
    assert [one["message"]["seq"] for one in heard] == list(range(1, AT_ONCE + 1))
    notified = await env.resources.db.fetch("select user_id, fold_seq from notifications where fold_key = $1", room)
    assert [tuple(row) for row in notified] == [(eve.id, AT_ONCE)]
    assert memory() - before < len(env.hubs) * MEMBERS * BYTES_A_MEMBER
