"""A marketplace with a dialect: what goes over the wire, packet by packet, in each of its namespaces."""

import asyncio
import json
from typing import Any

import pytest

from tests.bazaar.database import FIRST_ID
from tests.bazaar.words import IDS
from tests.chaos.websocket import WebSocket
from tests.flow.conftest import BAZAAR, MARKETS, PATIENCE, Environment

pytestmark = pytest.mark.parametrize("env", ["bazaar"], indirect=True)


class Line:
    """A connection whose packets are written and read as they are; pings are answered."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self.read: list[str] = []

    def say(self, packet: str, *payload: Any) -> None:
        self._socket.send(f"4{packet}{json.dumps(payload[0]) if payload else ''}")

    async def next(self, beginning: str) -> Any:
        """Return the payload of the next packet that begins so; those before it are kept in `read`."""
        async with asyncio.timeout(PATIENCE):
            while True:
                text = await self._socket.read()
                if text == "2":
                    self._socket.send("3")
                elif text.startswith(f"4{beginning}"):
                    rest = text.removeprefix(f"4{beginning}")
                    return json.loads(rest) if rest else None
                else:
                    self.read.append(text)

    async def joined(self, namespace: str, auth: Any) -> Any:
        """Join a namespace and return the answer."""
        self.say(f"0{namespace},", auth)
        return await self.next(f"0{namespace},")


async def line(env: Environment, url: str) -> Line:
    socket = await WebSocket.connect(int(url.rpartition(":")[2]))
    env.stack.callback(socket.abort)
    await socket.open()
    return Line(socket)


async def in_both(env: Environment, url: str, token: str) -> Line:
    """Return a connection that has joined both namespaces."""
    one = await line(env, url)
    await one.joined("/chat", {"token": token})
    await one.joined("/presence", {})
    return one


async def test_names_ids_shapes_and_namespaces_are_those_of_the_marketplace(env: Environment, hub: str) -> None:
    (ann, ann_token), (bob, bob_token) = await env.person("Ann"), await env.person("Bob")
    room = IDS.shown(str(await env.group(ann, bob)))
    assert int(room) > FIRST_ID
    ann_line, bob_line = await in_both(env, hub, ann_token), await in_both(env, hub, bob_token)
    for one in (ann_line, bob_line):
        one.say("2/chat,1", ["join:conversation", {"conversation_id": room}])
        (joined,) = await one.next("3/chat,1")
        assert (joined["conversation_id"], joined["last_seq"]) == (room, 0)

    ann_line.say("2/chat,", ["typing:start", {"conversation_id": room}])
    ann_id = IDS.shown(str(ann.id))
    assert await bob_line.next("2/chat,") == ["typing:start", {"conversation_id": room, "user_id": ann_id}]
    ann_line.say("2/chat,2", ["message:send", {"conversation_id": room, "content": "Hi", "client_id": "one"}])
    (stored,) = await ann_line.next("3/chat,2")
    assert await bob_line.next("2/chat,") == ["typing:stop", {"conversation_id": room, "user_id": ann_id}]
    name, message = await bob_line.next("2/chat,")
    assert name == "message:new"
    assert message.pop("sent_at") == stored["sent_at"]
    assert message == {
        "id": stored["id"],
        "conversation_id": room,
        "seq": 1,
        "version": 1,
        "sender": {"id": ann_id, "name": "Ann", "avatar_url": None},
        "content": "Hi",
        "is_edited": False,
        "edited_at": None,
        "deleted_at": None,
        "kind": "text",
        "client_id": "one",
        "reply_to": None,
        "mentions": [],
        "reactions": [],
    }
    name, stamp = await bob_line.next("2/chat,")
    assert name == "offset"
    assert isinstance(stamp, str)


async def test_what_was_missed_is_read_from_memory_and_from_the_log_alike(env: Environment, hub: str) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    bob, token = await env.person("Bob")
    room = await env.group(ann.user, bob)
    await ann.join(room)
    await ann.send(room, "one")
    await ann.send(room, "two")
    one, joining = await in_both(env, hub, token), {"conversation_id": IDS.shown(str(room)), "since": 0}
    one.say("2/chat,1", ["join:conversation", joining])
    (from_memory,) = await one.next("3/chat,1")
    env.hubs[0]._rooms.drop_recent(room.bytes)
    one.say("2/chat,2", ["join:conversation", joining])
    (from_log,) = await one.next("3/chat,2")
    assert [message["content"] for message in from_memory["messages"]] == ["one", "two"]
    assert from_log["messages"] == from_memory["messages"]


async def test_presence_is_delivered_in_its_namespace_to_those_who_joined_it(env: Environment, hub: str) -> None:
    (ann, ann_token), (bob, bob_token) = await env.person("Ann"), await env.person("Bob")
    room = await env.group(ann, bob)
    everywhere = await in_both(env, hub, ann_token)
    only_chat = await line(env, hub)
    await only_chat.joined("/chat", {"token": ann_token})
    bob_line = await in_both(env, hub, bob_token)
    assert await everywhere.next("2/presence,") == ["presence:online", {"user_id": IDS.shown(str(bob.id))}]

    bob_line.say("2/chat,1", ["message:send", {"conversation_id": IDS.shown(str(room)), "content": "Hi"}])
    await bob_line.next("3/chat,1")
    only_chat.say("2/chat,1", ["sync", {}])
    await only_chat.next("3/chat,1")
    assert [text for text in only_chat.read if "/presence" in text] == []


@pytest.mark.parametrize("again", ["the token", "none", "an empty one"])
async def test_namespaces_are_joined_in_any_order_and_only_the_first_needs_the_token(
    env: Environment, hub: str, again: str
) -> None:
    _, token = await env.person("Ann")
    one = await line(env, hub)
    one.say("0/presence,", {"token": token})  # both in one go, as the official clients do
    one.say("0/chat,", {"the token": {"token": token}, "none": {}, "an empty one": {"token": ""}}[again])
    presence, chat = await one.next("0/presence,"), await one.next("0/chat,")
    assert "pid" not in presence
    assert chat["pid"]
    assert len(list(env.hubs[0]._gateway._users.clients())) == 1


async def test_who_names_another_user_is_refused_in_that_namespace_only(env: Environment, hub: str) -> None:
    (_, ann_token), (_, bob_token) = await env.person("Ann"), await env.person("Bob")
    one = await line(env, hub)
    await one.joined("/chat", {"token": ann_token})
    one.say("0/presence,", {"token": bob_token})
    refused = await one.next("4/presence,")
    assert refused["data"]["code"] == "FORBIDDEN"
    assert {"timestamp", "request_id"} < refused["data"].keys()
    await one.joined("/presence", {"token": ann_token})


async def test_a_wrong_token_holds_up_no_other_namespace(env: Environment, hub: str) -> None:
    _, token = await env.person("Ann")
    ended, ended_token = await env.person("Ann")
    await env.resources.db.execute("update sessions set ended_at = now() where id = $1", ended.session_id)
    one = await line(env, hub)
    one.say("0/chat,", {"token": ended_token})
    one.say("0/presence,", {"token": token})
    assert (await one.next("4/chat,"))["data"]["code"] == "SESSION_ENDED"
    await one.next("0/presence,")
    await one.joined("/chat", {})


async def test_without_a_token_nobody_is_let_into_the_first_namespace(env: Environment, hub: str) -> None:
    one = await line(env, hub)
    one.say("0/presence,", {})
    assert (await one.next("4/presence,"))["data"]["code"] == "AUTH_001"
    one.say("0", {})
    assert (await one.next("4"))["message"] == "Invalid namespace"


async def test_answers_and_errors_come_in_the_namespace_of_their_event(env: Environment, hub: str) -> None:
    ann, token = await env.person("Ann")
    one, ann_id = await in_both(env, hub, token), IDS.shown(str(ann.id))
    one.say("2/presence,7", ["join:user", {"user_id": ann_id}])
    assert await one.next("3/presence,7") == [{"user_id": ann_id}]
    one.say("2/presence,8", ["join:user", {}])
    (error,) = await one.next("3/presence,8")
    assert (error["code"], error["details"][0]["field"]) == ("INPUT_001", "user_id")
    name, told = await one.next("2/presence,")
    assert name == "error"
    assert (told["event"], told["code"]) == ("join:user", "INPUT_001")
    one.say("2/presence,9", ["sync", {}])
    assert (await one.next("3/presence,9"))[0]["code"] == "UNKNOWN_EVENT"
    one.say("2/chat,10", ["conversation:typing", {}])  # core's name for it is none of theirs
    assert (await one.next("3/chat,10"))[0]["code"] == "UNKNOWN_EVENT"


async def test_a_namespace_is_left_alone_and_may_be_joined_again(env: Environment, hub: str) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    bob, token = await env.person("Bob")
    room = await env.group(ann.user, bob)
    at = {"conversation_id": IDS.shown(str(room))}
    one = await in_both(env, hub, token)
    one.say("2/chat,1", ["join:conversation", at])
    await one.next("3/chat,1")
    one.say("1/chat,")
    one.say("2/presence,2", ["join:user", {"user_id": IDS.shown(str(bob.id))}])
    await one.next("3/presence,2")
    await ann.send(room, "not heard")
    pid = (await one.joined("/chat", {}))["pid"]
    assert pid
    one.say("2/chat,3", ["join:conversation", at])
    await one.next("3/chat,3")
    await ann.send(room, "heard")
    while (heard := await one.next("2/chat,"))[0] != "message:new":
        pass
    assert heard[1]["content"] == "heard"
    assert [text for text in one.read if "not heard" in text] == []

    one.say("1/presence,")
    one.say("1/chat,")
    async with asyncio.timeout(PATIENCE):
        while env.hubs[0]._gateway._users.count(bob.id.bytes):
            await env.resources.redis.ping()


async def test_who_comes_back_to_the_main_namespace_is_given_what_was_missed(
    env: Environment, two_hubs: tuple[str, str]
) -> None:
    ann = await (await env.chatter("Ann", two_hubs[0])).connect()
    bob, token = await env.person("Bob")
    room = await env.group(ann.user, bob)
    one = await line(env, two_hubs[0])
    pid = (await one.joined("/chat", {"token": token}))["pid"]
    one.say("2/chat,1", ["join:conversation", {"conversation_id": IDS.shown(str(room))}])
    await one.next("3/chat,1")
    await ann.send(room, "heard")
    while (event := await one.next("2/chat,"))[0] != "offset":
        pass
    one._socket.abort()
    await ann.send(room, "missed")

    back = await line(env, two_hubs[1])
    back.say("0/presence,", {"token": token})
    back.say("0/chat,", {"token": token, "pid": pid, "offset": event[1]})
    assert (await back.next("0/chat,"))["pid"] == pid
    name, message = await back.next("2/chat,")
    assert (name, message["content"]) == ("message:new", "missed")


async def test_each_marketplace_of_a_hub_has_its_own_words_and_namespaces(env: Environment) -> None:
    url = await env.hub(markets=[*MARKETS, *BAZAAR])
    _, bazaar_token = await env.person("Ann")
    env.market = "onswift"
    bob = await (await env.chatter("Bob", url)).connect()
    room = await env.group(bob.user)
    await bob.join(room)
    await bob.send(room, "Hi")
    assert (await bob.heard.next("message:received"))["message"]["content"] == "Hi"
    one = await line(env, url)
    one.say("0/chat,", {"token": bob.token})
    assert (await one.next("4/chat,"))["data"]["code"] == "AUTH_001"
    one.say("0", {"token": bazaar_token})
    assert (await one.next("4"))["data"]["error"]["code"] == "UNAUTHORIZED"
    await one.joined("/chat", {"token": bazaar_token})
