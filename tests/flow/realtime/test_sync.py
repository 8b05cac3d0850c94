"""Whoever was away asks what she has missed, by socket or REST, and gets all of it."""

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.base import clock, errors
from core.base.ids import uuid7
from core.base.publisher import Draft
from core.chat import groups
from core.messages import sync
from tests.flow.conftest import Environment, at_bazaar

pytestmark = at_bazaar


async def test_sync_gives_new_edited_and_reacted_messages_positions_and_departures(
    env: Environment, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "OVERLAP", timedelta(0))
    ann = await (await env.chatter("Ann", hub)).connect()
    bob = await (await env.chatter("Bob", hub)).connect()
    room, other, left = [await env.group(ann.user, bob.user) for _ in range(3)]
    old = await ann.send(room, "old")
    await ann.send(other, "nothing happens here")
    first = await bob.call("sync")
    assert (first["conversations"], first["hasMore"]) == ([], False)

    await ann.send(room, "new")
    await ann.call("message:edit", conversationId=str(room), messageId=old["id"], content="edited")
    await ann.call("conversation:read", conversationId=str(room), messageId=old["id"])
    await ann.call("conversation:remove", conversationId=str(left), userId=str(bob.user.id))
    missed = await bob.call("sync", cursor=first["cursor"])

    by_id = {one["conversationId"]: one for one in missed["conversations"]}
    assert set(by_id) == {str(room), str(left)}
    changed = by_id[str(room)]
    assert [(one["content"], one["version"]) for one in changed["messages"]] == [("new", 2), ("edited", 3)]
    assert changed["positions"] == [{"userId": str(ann.user.id), "lastReadSeq": 2}]
    assert (changed["unreadCount"], changed["version"], changed["complete"]) == (2, 3, True)
    assert (by_id[str(left)]["isMember"], by_id[str(left)]["messages"]) == (False, [])
    assert (await bob.call("sync", cursor=missed["cursor"]))["conversations"] == []


async def test_sync_names_conversations_whose_texts_do_not_fit(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, _ = await env.person("Ann")
    bob, _ = await env.person("Bob")
    ctx = env.ctx(ann)
    rooms = [await env.group(ann, bob) for _ in range(4)]
    cursor = (await sync.changes(ctx, None)).cursor
    for room, text in zip(rooms, ("é" * 50, "b" * 40, "c" * 30, ""), strict=True):
        if text:
            await env.publisher.append(Draft(uuid7(), room, ann.person, text))
    await groups.remove(env.ctx(bob), rooms[3], bob.id)

    async def seen() -> list[tuple[bool, int]]:
        found = {one.conversation_id: one for one in (await sync.changes(ctx, cursor)).conversations}
        return [(found[room].complete, len(found[room].messages)) for room in rooms[:3]]

    monkeypatch.setattr(sync, "MAX_OCTETS", 170)
    assert await seen() == [(True, 1), (True, 1), (True, 1)]
    monkeypatch.setattr(sync, "MAX_OCTETS", 169)
    assert await seen() == [(True, 1), (True, 1), (False, 0)]
    monkeypatch.setattr(sync, "MAX_OCTETS", 1)
    assert await seen() == [(True, 1), (False, 0), (False, 0)], "one comes in any case"


async def test_sync_comes_in_pages_and_names_conversations_with_too_much(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "CONVERSATIONS", 2)
    monkeypatch.setattr(sync, "MESSAGES", 3)
    ann, _ = await env.person("Ann")
    ctx = env.ctx(ann)
    rooms = [await env.group(ann) for _ in range(5)]
    cursor = (await sync.changes(ctx, None)).cursor
    for room in rooms:
        for number in range(5 if room == rooms[0] else 1):
            await env.publisher.append(Draft(uuid7(), room, ann.person, str(number)))

    seen: dict[object, bool] = {}
    has_more = True
    while has_more:
        page = await sync.changes(ctx, cursor)
        seen |= {one.conversation_id: one.complete for one in page.conversations}
        cursor, has_more = page.cursor, page.has_more
    assert seen == {room: room != rooms[0] for room in rooms}


@given(st.text(max_size=200))
def test_a_cursor_that_is_not_ours_gets_an_error_and_no_crash(text: str) -> None:
    with contextlib.suppress(errors.AppError):  # and nothing else is raised
        sync.decode(text)


def test_a_cursor_survives_the_journey() -> None:
    cursor = sync.Cursor(clock.now(), clock.now(), uuid7())
    assert sync.decode(sync.encode(cursor)) == cursor
