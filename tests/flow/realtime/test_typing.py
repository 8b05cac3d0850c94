"""Typing ends: with its message and before it, where one leaves, and by itself. On all hubs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from core.chat import groups
from realtime.rooms import typing
from tests.flow.conftest import PATIENCE, Chatter, Environment, over_markets

pytestmark = over_markets

Room = tuple[Chatter, list[Chatter], UUID]


@pytest.fixture
async def room(env: Environment, two_hubs: tuple[str, str]) -> Room:
    """Ann, those who hear her on her hub and on the other one, and their conversation."""
    ann = await (await env.chatter("Ann", two_hubs[0])).connect()
    others = [await (await env.chatter(f"Bob {hub}", url)).connect() for hub, url in enumerate(two_hubs)]
    id = await env.group(ann.user, *(other.user for other in others))
    for who in (ann, *others):
        await who.join(id)
    return ann, others, id


def heard(listener: Chatter) -> list[object]:
    """Return what somebody hears of typing and messages, in its order."""
    names = {"conversation:typing": "isTyping", "message:received": "message"}
    events = [(name, payload[names[name]]) for name, payload in listener.heard.events if name in names]
    return [one["content"] if isinstance(one, dict) else one for _, one in events]


async def types(ann: Chatter, id: UUID, is_typing: bool = True) -> Any:
    return await ann.call("conversation:typing", conversationId=str(id), isTyping=is_typing)


async def test_typing_has_ended_when_its_message_arrives(room: Room) -> None:
    ann, others, id = room
    await types(ann, id)
    for other in others:
        await other.heard.next("conversation:typing")
    await ann.send(id, "hello")
    for other in others:
        await other.heard.next("message:received")
        assert heard(other) == [True, False, "hello"]
    await ann.heard.next("message:received")
    assert heard(ann) == ["hello"]


async def test_typing_after_a_message_is_delivered_after_it(room: Room) -> None:
    ann, others, id = room
    about = {"conversationId": str(id)}
    for number in range(5):  # without waiting for an answer
        await ann.emit("conversation:typing", about | {"isTyping": True})
        await ann.emit("message:send", about | {"content": str(number)})
        await ann.emit("conversation:typing", about | {"isTyping": True})
    for other in others:
        await other.heard.until("message:received", 5)
        async with asyncio.timeout(PATIENCE):
            while heard(other)[-1] is not True:
                await other.heard.next("conversation:typing")
        for place, one in enumerate(heard(other)):
            if isinstance(one, str):
                before = [event for event in heard(other)[:place] if isinstance(event, bool)]
                assert not before or before[-1] is False, "it is over when its message comes"


async def test_a_refused_message_releases_the_typing_after_it(room: Room) -> None:
    ann, others, id = room
    about = {"conversationId": str(id)}
    await ann.emit("message:send", about | {"content": "x", "replyTo": str(id)})
    await ann.emit("conversation:typing", about | {"isTyping": True})
    for other in others:
        assert (await other.heard.next("conversation:typing"))["isTyping"] is True


async def leave(_house: Environment, ann: Chatter, id: UUID) -> None:
    await ann.call("leave:conversation", conversationId=str(id))


async def disconnect(_house: Environment, ann: Chatter, _id: UUID) -> None:
    await ann.socket.disconnect()


async def log_out(env: Environment, ann: Chatter, _id: UUID) -> None:
    env.publisher.end_sessions([ann.user.session_id])


async def be_out(env: Environment, ann: Chatter, id: UUID) -> None:
    await groups.remove(env.ctx(ann.user), id, ann.user.id)


@pytest.mark.parametrize("goes", [leave, disconnect, log_out, be_out])
async def test_typing_ends_when_the_client_leaves(
    env: Environment, room: Room, goes: Callable[[Environment, Chatter, UUID], Awaitable[None]]
) -> None:
    ann, others, id = room
    await types(ann, id)
    for other in others:
        await other.heard.next("conversation:typing")
    await goes(env, ann, id)
    for other in others:
        assert (await other.heard.next("conversation:typing"))["isTyping"] is False


async def test_typing_ends_by_itself_on_each_hub_that_announced_it(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typing, "LASTS_SECONDS", 0.0)
    ann, others, id = room
    await types(ann, id)
    for other in others:
        told = await other.heard.until("conversation:typing", 2)
        assert [one["isTyping"] for one in told] == [True, False]


async def test_nothing_is_kept_of_typing_that_is_over(
    env: Environment, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typing, "LASTS_SECONDS", 0.0)
    ann, others, id = room
    for _ in range(10):  # keystrokes: one entry
        await types(ann, id)
    for other in others:
        await other.heard.until("conversation:typing", 2)
    for hub in env.hubs:
        assert len(hub._rooms._typists) == 0
        woken = hub._rooms.get(id.bytes)
        assert woken
        assert not woken.typing
