"""Whatever arguments an event comes with: its client is told what is wrong with them, stays connected, and loses nothing."""

from typing import Any

import pytest

from realtime import wire
from tests.flow.conftest import MARKETS, PATIENCE, Chatter, Environment, without_limits

EVENTS = [kind.name for kind in wire.ANSWERS] + [one.event.name for market in MARKETS for one in market.events]
ENOUGH = {"sync"}  # whose fields are all optional


@pytest.fixture
async def ann(env: Environment, hub: str) -> Chatter:
    return await (await env.chatter("Ann", hub)).connect()


async def told(ann: Chatter, event: str, *args: Any) -> dict[str, Any]:
    """The answer to an event, whose arguments are a tuple for this client; errors come as events, too."""
    answer: dict[str, Any] = await ann.socket.call(event, args, timeout=PATIENCE)
    await ann.socket.emit(event, args)
    if "error" in answer:
        for _ in range(2):
            assert await ann.heard.next("error") == {"event": event, "error": answer["error"]}
    return answer


@pytest.mark.parametrize("event", EVENTS)
async def test_arguments_that_an_event_does_not_take_are_named(env: Environment, event: str) -> None:
    ann = await (await env.chatter("Ann", await env.hub(without_limits(env.settings)))).connect()
    for nothing in ((), (None,)):  # null is what undefined becomes
        answer = await told(ann, event, *nothing)
        if event in ENOUGH:
            assert "error" not in answer
        else:
            assert answer["error"]["code"] == "VALIDATION_ERROR"
            assert {one["message"] for one in answer["error"]["details"]} == {"Required"}
    for args, field, words in (
        (({}, "more"), "arguments", "An event takes one argument, an object, and an ack: 2 came"),
        (({}, None, 5), "arguments", "An event takes one argument, an object, and an ack: 3 came"),
        (("text",), "body", "Must be an object with fields"),
        ((b"\x00\x01",), "body", f"{event} takes no binary data"),
        (({"unknown": [b"\x00", b"\x01"]},), "body", f"{event} takes no binary data"),
    ):
        error = (await told(ann, event, *args))["error"]
        assert error["code"] == "VALIDATION_ERROR"
        assert error["details"] == [{"field": field, "message": words}]
    assert ann.socket.connected
    assert "error" not in await ann.call("sync")


async def test_an_unknown_event_is_one_also_with_binary(ann: Chatter) -> None:
    assert (await told(ann, "nothing", b"\x00"))["error"]["code"] == "UNKNOWN_EVENT"


async def test_messages_around_an_invalid_event_are_delivered(env: Environment, ann: Chatter, hub: str) -> None:
    room = await env.group(ann.user)
    await ann.join(room)
    for place in range(3):
        body = {"conversationId": str(room), "content": f"message {place}"}
        await ann.socket.emit("message:send", body)
        await ann.socket.emit("message:send", (body, "more"))
        await ann.socket.emit("message:send", {**body, "content": b"bytes"})
    heard = await ann.heard.until("message:received", 3)
    assert [one["message"]["content"] for one in heard] == ["message 0", "message 1", "message 2"]
    assert len(await ann.heard.until("error", 6)) == 6


async def test_a_client_that_is_wrong_all_the_time_is_still_cut_off(ann: Chatter) -> None:
    for _ in range(100):
        await ann.socket.emit("sync", ({}, "more"))
    await ann.heard.next("disconnect")


async def test_no_event_of_the_table_is_missing_here(env: Environment, hub: str) -> None:
    space = env.hubs[0]._gateway._spaces.of("onswift", "/")
    assert space
    assert set(EVENTS) == {entry.name for entry in space.entries.values()}
