"""What REST does is heard on the sockets of a hub in another process."""

from typing import Any

import pytest

from tests.flow.api.conftest import Api, Caller
from tests.flow.conftest import Chatter, Environment


def caller_of(api: Api, chatter: Chatter) -> Caller:
    return Caller(api.client, id=str(chatter.user.id), access_token=chatter.token)


@pytest.fixture
async def two(env: Environment, hub: str) -> tuple[Chatter, Chatter]:
    """Return a creator and a talent who are connected."""
    ann, bob = await env.chatter("Ann", hub, "creator"), await env.chatter("Bob", hub, "talent")
    return await ann.connect(), await bob.connect()


async def test_a_message_over_rest_and_its_changes_are_delivered_to_sockets(
    api: Api, two: tuple[Chatter, Chatter]
) -> None:
    ann, bob = two
    rest = caller_of(api, ann)
    conversation = (await rest.post("/conversations", participantId=str(bob.user.id))).body["id"]
    assert (await bob.heard.next("conversation:created"))["conversationId"] == conversation
    await bob.call("join:conversation", conversationId=conversation)
    sent = await rest.post(f"/conversations/{conversation}/messages", content="hello", clientId="1")
    heard: dict[str, Any] = await bob.heard.next("message:received")
    assert heard["message"] == sent.body, "the same message, field by field"
    path = f"/conversations/{conversation}/messages/{sent.body['id']}"
    edited = await rest.put(path, content="Hello!")
    assert (await bob.heard.next("message:edited"))["message"] == edited.body
    await rest.put(f"{path}/reactions/👍")
    assert (await bob.heard.next("message:reacted"))["emoji"] == "👍"
    await rest.delete(path)
    assert (await bob.heard.next("message:deleted"))["messageId"] == sent.body["id"]
    assert [one["message"]["content"] for one in bob.heard.all("message:received")] == ["hello"], "once"


async def test_reading_over_rest_is_heard(api: Api, two: tuple[Chatter, Chatter]) -> None:
    ann, bob = two
    conversation = (await caller_of(api, ann).post("/conversations", participantId=str(bob.user.id))).body["id"]
    await ann.call("join:conversation", conversationId=conversation)
    sent = await ann.call("message:send", conversationId=conversation, content="hello")
    await caller_of(api, bob).put(f"/conversations/{conversation}/read", messageId=sent["id"])
    heard = await ann.heard.next("conversation:read")
    assert (heard["userId"], heard["messageId"], heard["lastReadSeq"]) == (str(bob.user.id), sent["id"], 1)


async def test_a_logout_closes_the_sockets_of_its_session_only(api: Api, two: tuple[Chatter, Chatter]) -> None:
    ann, bob = two
    assert (await caller_of(api, ann).post("/auth/logout")).status == 204
    await ann.heard.next("disconnect")
    assert bob.socket.connected
    assert (await caller_of(api, bob).get("/users/me")).status == 200
