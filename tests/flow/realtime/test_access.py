"""Who is put out of a conversation is out on every hub, whatever happens meanwhile."""

import asyncio
from collections.abc import Sequence

import pytest

from core.chat import groups
from core.chat.rooms import ROOM_MEMBERS, RoomMember
from core.platform.db import Pool
from realtime.rooms import rooms
from tests.flow.conftest import PATIENCE, Environment, acquainted, at_bazaar, without_limits

pytestmark = at_bazaar


async def test_a_member_removed_while_the_hub_cannot_read_who_is_left_is_out_soon_after(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = await env.hub(without_limits(env.settings))
    ann = await (await env.chatter("Ann", hub)).connect()
    bob = await (await env.chatter("Bob", hub)).connect()
    room = await env.group(ann.user, bob.user)
    await ann.join(room)
    await bob.join(room)
    failed: list[object] = []

    async def fail_once(db: Pool, ids: list[object]) -> Sequence[RoomMember]:
        if not failed:
            failed.append(ids)
            raise ConnectionRefusedError("no database just now")
        return await ROOM_MEMBERS(db, ids)

    monkeypatch.setattr(rooms, "ROOM_MEMBERS", fail_once)
    await groups.remove(env.ctx(ann.user), room, bob.user.id)
    await bob.heard.next("conversation:members")
    async with asyncio.timeout(PATIENCE):
        while "error" not in (typed := await bob.call("conversation:typing", conversationId=str(room), isTyping=True)):
            pass

    assert failed
    assert typed["error"]["code"] == "NOT_A_MEMBER"


async def test_a_member_who_joins_before_the_room_knows_of_it_is_accepted(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = await env.hub()
    ann, bob, eve = [await (await env.chatter(name, hub)).connect() for name in ("Ann", "Bob", "Eve")]
    room = await env.group(ann.user, bob.user)
    await ann.join(room)
    assert (await eve.send(room, "Hello?"))["error"]["code"] == "NOT_A_MEMBER"
    monkeypatch.setattr(rooms.Rooms, "members_changed", lambda _rooms, _key: None)  # the room's word is on its way
    await groups.add(acquainted(env.ctx(ann.user)), room, [eve.user.id])
    await eve.heard.next("conversation:members")
    assert (await eve.join(room))["lastSeq"] == 1
    assert "error" not in await eve.send(room, "Hello!")
    await ann.heard.until("message:received", 2)
