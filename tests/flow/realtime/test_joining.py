"""What is said while somebody joins."""

import json

from tests.chaos.websocket import WebSocket
from tests.flow.conftest import House


async def test_the_answer_to_a_join_comes_before_what_is_said_meanwhile(house: House, hub: str) -> None:
    """Or a connection lost in between would leave a hole before the highest version that the client has seen."""
    ann = await (await house.chatter("Ann", hub)).connect()
    bob, token = await house.person("Bob")
    room = await house.group(ann.user, bob)
    await ann.send(room, "before")
    socket = await WebSocket.connect(int(hub.rpartition(":")[2]))
    await socket.open()
    socket.send(f"40{json.dumps({'token': token})}")
    while not (await socket.read()).startswith("40"):
        pass
    await house.resources.redis.client_pause(300)  # there is asked who is online

    socket.send("421" + json.dumps(["join:conversation", {"conversationId": str(room), "since": 0}]))
    await ann.send(room, "meanwhile")

    answer = json.loads((await socket.read()).removeprefix("431"))[0]
    said = json.loads((await socket.read()).removeprefix("42"))
    assert [message["content"] for message in answer["messages"]] == ["before"]
    assert (said[0], said[1]["message"]["content"]) == ("message:received", "meanwhile")
    socket.abort()
