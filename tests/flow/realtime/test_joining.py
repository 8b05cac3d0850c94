"""What is said while somebody joins."""

import json
from contextlib import suppress
from typing import Any

import pytest

from tests.chaos.websocket import WebSocket
from tests.flow.conftest import Environment, at_bazaar


async def test_the_answer_to_a_join_comes_before_what_is_said_meanwhile(env: Environment, hub: str) -> None:
    """Or a connection lost in between would leave a hole before the highest version that the client has seen."""
    ann = await (await env.chatter("Ann", hub)).connect()
    bob, token = await env.person("Bob")
    room = await env.group(ann.user, bob)
    await ann.send(room, "before")
    socket = await WebSocket.connect(int(hub.rpartition(":")[2]))
    await socket.open()
    socket.send(f"40{json.dumps({'token': token})}")
    while not (await socket.read()).startswith("40"):
        pass
    await env.resources.redis.client_pause(300)  # there is asked who is online

    socket.send("421" + json.dumps(["join:conversation", {"conversationId": str(room), "since": 0}]))
    await ann.send(room, "meanwhile")

    answer = json.loads((await next_of(socket)).removeprefix("431"))[0]
    said = json.loads((await next_of(socket)).removeprefix("42"))
    assert [message["content"] for message in answer["messages"]] == ["before"]
    assert (said[0], said[1]["message"]["content"]) == ("message:received", "meanwhile")
    socket.abort()


async def next_of(socket: WebSocket) -> str:
    """Return the next packet that is not about presence."""
    while (packet := await socket.read()).startswith('42["user:'):
        pass
    return packet


@at_bazaar
async def test_a_message_sent_in_the_turn_of_a_catch_up_is_delivered_once(
    env: Environment, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said waits for the end of the turn, and is in memory already for those who catch up."""
    ann, bob = [await (await env.chatter(name, hub)).connect() for name in ("Ann", "Bob")]
    room_id = await env.group(ann.user, bob.user)
    for person in (ann, bob):
        await person.join(room_id)
    one = env.hubs[0]
    room = await one._rooms.awake(room_id)
    (client,) = [client for client in room.sockets.values() if client.user_key == bob.user.id.bytes]
    client.on_behind()
    apply = one._rooms.apply

    def apply_and_catch_up(*change: Any) -> None:
        apply(*change)
        with suppress(StopIteration):  # it has run to its end: it had to wait for nothing
            one._gateway._resync._catch_up(client).send(None)

    monkeypatch.setattr(one._rooms, "apply", apply_and_catch_up)
    for content in ("once", "after"):
        await ann.send(room_id, content)
    heard = await bob.heard.until("message:received", 2)
    assert [one["message"]["content"] for one in heard] == ["once", "after"]
