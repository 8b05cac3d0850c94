"""A block holds on all hubs at once."""

import asyncio
from uuid import UUID

from core.chat import blocking, conversations
from tests.flow.conftest import PATIENCE, Chatter, Environment, over_markets

pytestmark = over_markets


async def types(who: Chatter, id: UUID) -> str:
    answer = await who.call("conversation:typing", conversationId=str(id), isTyping=True)
    return str(answer.get("error", {}).get("code", "told"))


async def refused_typing(who: Chatter, id: UUID) -> str:
    """Return what refuses typing, as soon as the hub knows: it is told beside the events that the test waits for."""
    async with asyncio.timeout(PATIENCE):
        while (code := await types(who, id)) == "told":
            pass
    return code


async def test_a_block_ends_messages_and_typing_on_every_hub_until_it_is_removed(
    env: Environment, two_hubs: tuple[str, str]
) -> None:
    ann = await (await env.chatter("Ann", two_hubs[0])).connect()
    bob = await (await env.chatter("Bob", two_hubs[1], "talent")).connect()
    other_device = Chatter(ann.user, ann.token, two_hubs[1])
    env.stack.push_async_callback(other_device.socket.disconnect)
    await other_device.connect()
    pair, _ = await conversations.create_pair(env.ctx(ann.user), bob.user.id)
    for who in (ann, bob):
        await who.join(pair.id)
    assert await types(bob, pair.id) == "told"
    assert (await ann.heard.next("conversation:typing"))["isTyping"] is True

    await blocking.block(env.ctx(ann.user), bob.user.id)
    for device in (ann, other_device):
        assert await device.heard.next("user:blocked") == {"userId": str(bob.user.id), "isBlocked": True}
    assert (await ann.heard.next("conversation:typing"))["isTyping"] is False, "what was typed is over"
    for who in (ann, bob):
        assert (await who.send(pair.id, "hello"))["error"]["code"] == "USER_UNREACHABLE"
        assert await refused_typing(who, pair.id) == "USER_UNREACHABLE"
        other = bob if who is ann else ann
        assert await other.heard.next("user:offline")
        assert (await who.join(pair.id))["online"] == [str(who.user.id)]
    assert bob.heard.all("user:blocked") == []

    await blocking.unblock(env.ctx(ann.user), bob.user.id)
    assert (await ann.heard.until("user:blocked", 2))[1]["isBlocked"] is False
    assert (await bob.send(pair.id, "hello"))["seq"] == 1
    assert (await ann.heard.next("message:received"))["message"]["content"] == "hello"
    assert set((await bob.join(pair.id))["online"]) == {str(ann.user.id), str(bob.user.id)}


async def test_presence_is_not_delivered_between_users_with_a_block(
    env: Environment, two_hubs: tuple[str, str]
) -> None:
    ann = await env.chatter("Ann", two_hubs[0])
    bob = await (await env.chatter("Bob", two_hubs[1], "talent")).connect()
    eve = await (await env.chatter("Eve", two_hubs[1], "talent")).connect()
    await env.group(ann.user, bob.user, eve.user)
    await blocking.block(env.ctx(ann.user), bob.user.id)
    await ann.connect()
    while (await eve.heard.next("user:online"))["userId"] != str(ann.user.id):
        pass
    dan = await env.chatter("Dan", two_hubs[0])
    await env.group(dan.user, bob.user)
    await dan.connect()
    await bob.heard.until("user:online", 1)
    while str(dan.user.id) not in [one["userId"] for one in bob.heard.all("user:online")]:
        await bob.heard.next("user:online")
    assert str(ann.user.id) not in [one["userId"] for one in bob.heard.all("user:online")]
