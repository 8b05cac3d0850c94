"""A member is put out of a conversation while everybody talks in it, the member too."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from tests.chaos.crowd import gathered
from tests.chaos.hub import HubProcess
from tests.chaos.journal import Refused
from tests.chaos.person import Person
from tests.chaos.promises import REMOVAL_SECONDS, Removal
from tests.chaos.stage import Stage, free_port

pytestmark = pytest.mark.chaos

Remove = Callable[[Stage, Person, Person, str], Awaitable[None]]
TALK_ON_SECONDS = REMOVAL_SECONDS + 1.5


async def remove_by_socket(_stage: Stage, owner: Person, member: Person, room: str) -> None:
    removed = asyncio.Event()
    owner.remove(room, member.journal.user_id, removed.set)
    await removed.wait()


async def remove_by_rest(stage: Stage, owner: Person, member: Person, room: str) -> None:
    api = HubProcess(free_port(), stage.environ(stage.servers.redis.url), "api")
    url = f"http://127.0.0.1:{api.port}/api/conversations/{room}/members/{member.journal.user_id}"
    headers = {"Authorization": f"Bearer {owner.token}"}
    try:
        await api.start()
        async with aiohttp.ClientSession(headers=headers) as http, http.delete(url) as answer:
            assert answer.ok, await answer.text()
    finally:
        await api.end(signal.SIGTERM)


async def talk_on(member: Person, room: str) -> None:
    """Go on sending for longer than a removed member may."""
    end = time.monotonic() + TALK_ON_SECONDS
    while time.monotonic() < end:
        member.send(room)
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("remove", [remove_by_socket, pytest.param(remove_by_rest, marks=pytest.mark.slow)])
async def test_a_removed_member_hears_and_says_nothing_a_second_later(stage: Stage, remove: Remove) -> None:
    async with gathered(stage, people=8, conversations=1, each=1) as crowd:
        owner, member = crowd.people[0], crowd.people[1]
        room = crowd.conversations[0]
        async with crowd.talking():
            await crowd.said(30)
            await remove(stage, owner, member, room)
            crowd.removals.append(Removal(member.journal.user_id, room, at=time.time()))
            await talk_on(member, room)
            member.journal.conversations.clear()
        assert await crowd.settled() == []
        assert "NOT_A_MEMBER" in {line.code for line in member.journal.lines if isinstance(line, Refused)}
