"""When more comes than Postgres takes: sends are refused at once, and what may be lost is left out first."""

import asyncio

import pytest

from realtime.log import journal
from realtime.publishing import publisher
from tests.flow.conftest import Environment, at_bazaar

pytestmark = at_bazaar


async def test_a_send_beyond_what_may_wait_is_refused_at_once_and_later_ones_are_taken(
    env: Environment, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "MOST_WAITING", 1000)
    ann = await (await env.chatter("Ann", hub)).connect()
    room = await env.group(ann.user)
    lock = await env.resources.db.acquire()
    async with lock.transaction():
        await lock.execute("select 1 from conversations for update")
        sending = [asyncio.ensure_future(ann.send(room, str(i) * 900)) for i in range(5)]
        refused, _ = await asyncio.wait(sending, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        assert {send.result()["error"]["code"] for send in refused} == {"UNAVAILABLE"}
    await env.resources.db.release(lock)
    answers = await asyncio.gather(*sending)
    assert await env.resources.db.fetchval("select count(*) from messages") == sum("seq" in one for one in answers) > 0
    assert (await ann.send(room, "again"))["seq"]


async def test_typing_is_left_out_while_messages_wait(
    env: Environment, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    bob = await (await env.chatter("Bob", hub)).connect()
    room = await env.group(ann.user, bob.user)
    await bob.join(room)
    monkeypatch.setattr(publisher, "BUSY", -1)
    await ann.call("conversation:typing", conversationId=str(room), isTyping=True)
    await ann.send(room, "Hi")
    await bob.heard.next("message:received")
    assert not bob.heard.all("conversation:typing")
