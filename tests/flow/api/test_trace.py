"""How a message passed through each hub, and who is called offline on what grounds."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.embedded.redis import embedded_redis
from config.settings import Settings
from core.base.clock import now
from core.base.publisher import Draft
from realtime.operations import admin_client
from realtime.operations.process_status import HUBS_KEY, SILENT
from tests.flow.api.conftest import Caller, id_of, operating
from tests.flow.api.test_console import states, trace
from tests.flow.conftest import Environment, at_bazaar, open_environment
from tests.flow.realtime.test_mending import mute_publisher

pytestmark = at_bazaar


def passage(env: Environment, traced: Any, place: int) -> dict[str, Any]:
    """Return how the message passed through a hub."""
    (found,) = (one["room"]["passage"] for one in traced["hubs"] if one["hub"] == id_of(env, place))
    return dict(found)


async def test_a_trace_shows_when_each_hub_received_a_message_and_how_many_sockets_got_it(
    operator: Caller, env: Environment, two_hubs: tuple[str, str]
) -> None:
    ann = await (await env.chatter("Ann", two_hubs[0])).connect()
    others = [await (await env.chatter(name, two_hubs[1])).connect() for name in ("Bob", "Cem")]
    room = await env.group(ann.user, *(one.user for one in others))
    for one in (ann, *others):
        await one.join(room)
    sent = await ann.send(room, "Hi")
    for one in others:
        await one.heard.next("message:received")
    traced = await trace(operator, sent)
    own, bus = (passage(env, traced, place) for place in (0, 1))
    assert ((own["way"], own["sockets"]), (bus["way"], bus["sockets"])) == (("own", 1), ("bus", 2))
    for passed in (own, bus):
        assert traced["committedAt"] <= passed["arrivedAt"] <= passed["writtenAt"]
    assert traced["committedAt"] == traced["message"]["sentAt"]

    await ann.call("message:edit", conversationId=str(room), messageId=sent["id"], content="Hello")
    await others[0].heard.next("message:edited")
    traced = await trace(operator, sent)
    assert traced["committedAt"] == traced["message"]["editedAt"] > bus["writtenAt"]
    assert traced["committedAt"] <= passage(env, traced, 1)["arrivedAt"]


async def test_a_trace_shows_what_the_bus_lost(operator: Caller, env: Environment, two_hubs: tuple[str, str]) -> None:
    ann = await (await env.chatter("Ann", two_hubs[0])).connect()
    bob = await (await env.chatter("Bob", two_hubs[1])).connect()
    room = await env.group(ann.user, bob.user)
    for one in (ann, bob):
        await one.join(room)
    lost = await mute_publisher(env).append(Draft(env.ctx(ann.user).new_id(), room, ann.user.person, "lost"))
    sent = await ann.send(room, "held until the log has filled the hole")
    for one in (ann, bob):
        await one.heard.until("message:received", 2)
    before, after = await trace(operator, {"id": str(lost.id)}), await trace(operator, sent)
    assert [passage(env, before, place)["way"] for place in (0, 1)] == ["log", "log"]
    assert [passage(env, after, place)["way"] for place in (0, 1)] == ["own", "bus"]
    filled, held = passage(env, before, 1), passage(env, after, 1)
    assert held["arrivedAt"] <= filled["arrivedAt"] <= filled["writtenAt"] == held["writtenAt"]
    assert filled["sockets"] == 1


async def test_of_a_message_from_before_its_room_was_awake_no_time_is_told(
    operator: Caller, env: Environment, hub: str
) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    room = await env.group(ann.user)
    sent = await mute_publisher(env).append(Draft(env.ctx(ann.user).new_id(), room, ann.user.person, "before"))
    await ann.join(room)
    traced = await trace(operator, {"id": str(sent.id)})
    assert traced["hubs"][0]["hasTold"]
    assert set(passage(env, traced, 0).values()) == {None}


async def test_what_passed_is_known_when_everybody_has_left(operator: Caller, env: Environment, hub: str) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    room = await env.group(ann.user)
    await ann.join(room)
    sent = await ann.send(room, "Hi")
    rooms = env.hubs[0]._rooms
    rooms._forget(rooms.room(room))
    (one,) = (await trace(operator, sent))["hubs"]
    assert (one["hasTold"], one["room"]["awake"], one["room"]["passage"]["sockets"]) == (True, False, 1)


async def test_nobody_is_called_offline_while_a_hub_is_silent_and_only_the_living_are_waited_for(
    operator: Caller, env: Environment, two_hubs: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_client, "GATHER_SECONDS", 3600.0)
    ann = await (await env.chatter("Ann", two_hubs[0])).connect()
    away, _ = await env.person("Away")
    room = await env.group(ann.user, away)
    sent = await ann.send(room, "Hi")
    await hang(env, 1, monkeypatch)
    traced = await trace(operator, sent)
    assert states(traced) == {"Ann": "read", "Away": "unknown"}
    assert (traced["unheard"], traced["heardAll"]) == ([id_of(env, 1)], False)
    page = (await operator.get(f"/users/{away.id}")).body
    assert (page["sockets"], page["unheard"], page["heardAll"]) == ([], [id_of(env, 1)], False)
    page = (await operator.get(f"/conversations/{room}")).body
    assert (page["unheard"], page["heardAll"]) == ([id_of(env, 1)], False)


async def hang(env: Environment, place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a hub look as if it had hung for some seconds."""
    hub, redis, id = env.hubs[place], env.resources.redis, id_of(env, place)
    monkeypatch.setattr(hub._bus, "publish_everywhere", lambda *_args: None)
    await hub._heartbeat._beating.stop()
    vitals = msgspec.json.decode(await redis.hget(HUBS_KEY, id) or b"")  # type: ignore[misc]
    vitals["beatAt"] = now() - SILENT - timedelta(seconds=2)
    await redis.hset(HUBS_KEY, id, msgspec.json.encode(vitals).decode())  # type: ignore[misc]


async def test_nobody_is_called_offline_by_a_redis_that_has_just_started_and_knows_no_hub(
    operator: Caller, env: Environment, hub: str
) -> None:
    away, _ = await env.person("Away")
    await env.hubs[0]._heartbeat._beating.stop()
    page = (await operator.get(f"/users/{away.id}")).body
    assert (page["unheard"], page["heardAll"]) == ([], True)
    await env.resources.redis.delete(HUBS_KEY)
    page = (await operator.get(f"/users/{away.id}")).body
    assert (page["unheard"], page["heardAll"]) == ([], False)


@pytest.mark.parametrize("dead", [0, 1])
async def test_a_trace_is_whole_while_one_of_two_redis_servers_is_away(
    settings: Settings, tmp_path: Path, dead: int
) -> None:
    with embedded_redis(tmp_path / "one") as one, embedded_redis(tmp_path / "two") as two:
        sharded = msgspec.structs.replace(settings, redis_urls=(one.url, two.url))
        async with open_environment(sharded) as env, operating(env) as operator:
            ann = await (await env.chatter("Ann", await env.hub())).connect()
            bob = await (await env.chatter("Bob", await env.hub())).connect()
            away, _ = await env.person("Away")
            room = await env.group(ann.user, bob.user, away)
            for chatter in (ann, bob):
                await chatter.join(room)
            sent = await ann.send(room, "Hi")
            await bob.heard.next("message:received")
            whole = {"Ann": "read", "Bob": "delivered", "Away": "offline"}
            assert states(await trace(operator, sent)) == whole

            (one, two)[dead].process.kill()

            traced = await trace(operator, sent)
            assert (states(traced), traced["unheard"], traced["heardAll"]) == (whole, [], True)
            async with operating(env) as started_meanwhile:
                traced = await trace(started_meanwhile, sent)
            assert {one["hub"] for one in traced["hubs"]} == {id_of(env, 0), id_of(env, 1)}
            # The first keeps the list of hubs: without it nobody knows whether these are all.
            assert (states(traced), traced["heardAll"]) == (
                (whole, True) if dead else (whole | {"Away": "unknown"}, False)
            )
