"""Broadcasts: to every socket of a marketplace on every hub, once, in order, and to those who were away when they ask."""

import asyncio
from typing import Any

import pytest

from core import broadcasts
from core.base.errors import AppError
from core.work.context import Ctx
from realtime.bus.bus import Bus
from realtime.publishing.broadcasts import Broadcasts
from tests.bazaar import MARKETPLACE
from tests.bazaar.people import BazaarApi
from tests.flow.api.conftest import Caller, audited
from tests.flow.conftest import Chatter, Environment


@pytest.fixture
async def two_hubs(env: Environment) -> tuple[str, str]:
    return await env.hub(), await env.hub()


async def heard(chatter: Chatter, count: int) -> list[Any]:
    return await chatter.heard.until("broadcast", count)


def anybody(env: Environment) -> Ctx:
    return Ctx(env.resources, env.publisher, MARKETPLACE.policy, "test")


async def test_an_operator_tells_everybody_on_all_hubs_and_it_is_recorded(
    env: Environment, two_hubs: tuple[str, str], operator: Caller
) -> None:
    people = [await (await env.chatter(name, hub, "buyer")).connect() for name, hub in zip("ab", two_hubs, strict=True)]
    flags = {"search": True, "banner": "Sale"}
    reply = await operator.post("/broadcasts", market="bazaar", kind="flags", data=flags)
    assert (reply.status, reply.body["version"]) == (201, 1)
    for person in people:
        ((told),) = await heard(person, 1)
        assert (told["version"], told["kind"], told["data"]) == (1, "flags", flags)
    assert ("broadcast.send", None, {"operator": "olga", "version": 1, "kind": "flags"}) in await audited(env)


async def test_many_at_once_have_versions_without_gaps_and_arrive_once_and_in_order(
    env: Environment, two_hubs: tuple[str, str]
) -> None:
    people = [await (await env.chatter(name, hub, "buyer")).connect() for name, hub in zip("ab", two_hubs, strict=True)]
    ctx = anybody(env)
    sent = await asyncio.gather(*(broadcasts.send(ctx, "flags", {"n": n}, "olga") for n in range(20)))
    assert sorted(one.version for one in sent) == list(range(1, 21))
    for person in people:
        assert [one["version"] for one in await heard(person, 20)] == list(range(1, 21))


async def test_what_is_not_committed_leaves_no_gap(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = anybody(env)
    with monkeypatch.context() as patch:
        patch.setattr(broadcasts, "found", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await broadcasts.send(ctx, "flags", {}, "olga")
    assert (await broadcasts.send(ctx, "flags", {}, "olga")).version == 1


async def test_a_broadcast_of_which_the_bus_has_lost_the_news_is_sent_before_the_next_one(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await (await env.chatter("Ann", await env.hub(), "buyer")).connect()
    with monkeypatch.context() as patch:
        patch.setattr(Bus, "publish", lambda *_, **__: None)
        await broadcasts.send(anybody(env), "flags", {}, "olga")
    await broadcasts.send(anybody(env), "maintenance", {}, "olga")
    assert [(one["version"], one["kind"]) for one in await heard(person, 2)] == [(1, "flags"), (2, "maintenance")]


async def test_a_lost_broadcast_is_found_by_the_next_look(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    person = await (await env.chatter("Ann", await env.hub(), "buyer")).connect()
    with monkeypatch.context() as patch:
        patch.setattr(Bus, "publish", lambda *_, **__: None)
        await broadcasts.send(anybody(env), "flags", {}, "olga")
    await env.hubs[0]._broadcasts._look()
    assert [one["version"] for one in await heard(person, 1)] == [1]


async def test_a_hub_that_starts_does_not_send_what_is_old(env: Environment) -> None:
    await broadcasts.send(anybody(env), "flags", {"old": True}, "olga")
    person = await (await env.chatter("Ann", await env.hub(), "buyer")).connect()
    await broadcasts.send(anybody(env), "flags", {"old": False}, "olga")
    assert [one["version"] for one in await heard(person, 1)] == [2]


async def test_all_sockets_are_told_when_they_are_more_than_one_turn_takes(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.publishing.broadcasts.AT_ONCE", 2)
    hub = await env.hub()
    people = [await (await env.chatter(name, hub, "buyer")).connect() for name in "abcde"]
    for _ in range(2):
        await broadcasts.send(anybody(env), "flags", {}, "olga")
    for person in people:
        assert [one["version"] for one in await heard(person, 2)] == [1, 2]


async def test_who_was_away_asks_for_what_came_since(env: Environment, api: BazaarApi) -> None:
    for number in range(3):
        await broadcasts.send(anybody(env), "flags", {"camelCase": number}, "olga")
    body = (await api.anyone.get("/broadcasts", since=1)).body["data"]
    assert [(one["version"], one["data"]) for one in body["broadcasts"]] == [
        (2, {"camelCase": 1}),
        (3, {"camelCase": 2}),
    ]


async def test_a_kind_that_the_marketplace_does_not_have_and_another_marketplace_are_refused(
    env: Environment, operator: Caller
) -> None:
    for market, kind in (("bazaar", "jokes"), ("nowhere", "flags"), ("onswift", "flags")):
        reply = await operator.post("/broadcasts", market=market, kind=kind)
        assert reply.code == "VALIDATION_ERROR", reply
    assert (await operator.get("/broadcasts", market="onswift")).body == {"broadcasts": []}
    for kind, data in (("jokes", {}), ("flags", {str(n): "x" * 2000 for n in range(9)})):
        with pytest.raises(AppError, match="VALIDATION_ERROR"):
            await broadcasts.send(anybody(env), kind, data, "olga")


async def test_a_hub_whose_marketplaces_have_no_broadcasts_does_nothing_for_them(env: Environment) -> None:
    hub = Broadcasts(env.resources.db, None, None, None, None, [])  # type: ignore[arg-type]
    await hub.start()
    hub.wake()
    assert hub._tasks._running == set()
    await hub.stop()
