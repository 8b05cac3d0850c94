"""Cached answers: shared by all callers, made once, dropped by what changes them, and never anything personal."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import DummyCookieJar
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from api.calls import caching
from core.market.market import Route, cached, get
from core.platform import cache_tags
from core.work.context import Ctx
from core.work.jobs import FinishErasure
from core.work.outbox import Drop, EndSessions, Enqueue, relay
from core.work.unit_of_work import UnitOfWork, unit_of_work
from tests import bazaar
from tests.bazaar.capabilities import cached as capability
from tests.bazaar.capabilities.cached import Advice
from tests.bazaar.people import BazaarApi
from tests.bazaar.policy import ROLES
from tests.flow.api.conftest import serving
from tests.flow.conftest import Environment

PATH = "/statistics"


class Made:
    """How often an answer was made, and what holds that up."""

    def __init__(self) -> None:
        self.times = 0
        self.open = asyncio.Event()
        self.open.set()
        self.begun = asyncio.Event()
        self.error: Exception | None = None


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    """Count how often the statistics are made."""
    made, ask = Made(), capability.SOLD.__class__.__call__

    async def counted(query: Any, db: Any, *args: object) -> Any:
        if query is capability.SOLD:
            made.times += 1
            made.begun.set()
            await made.open.wait()
            if made.error:
                raise made.error
        return await ask(query, db, *args)

    monkeypatch.setattr(capability.SOLD.__class__, "__call__", counted)
    return made


async def sell(api: BazaarApi) -> None:
    ann = await api.signed_up()
    assert (await ann.post("/listings", title="Lamp", price_cents=1)).status == 201


async def listed(api: BazaarApi, **headers: str) -> int:
    reply = await api.anyone.call("GET", PATH, headers=headers)
    assert reply.status == 200, reply
    count: int = reply.body["data"]["listings"]
    return count


async def test_an_answer_is_made_once_for_all(api: BazaarApi, made: Made) -> None:
    assert [await listed(api) for _ in range(3)] == [0, 0, 0]
    assert made.times == 1


async def test_of_many_at_once_one_makes_it(api: BazaarApi, made: Made) -> None:
    made.open.clear()
    calls = [asyncio.create_task(listed(api)) for _ in range(20)]
    await made.begun.wait()
    made.open.set()
    assert await asyncio.gather(*calls) == [0] * 20
    assert made.times == 1


async def test_of_two_processes_one_makes_it(env: Environment, api: BazaarApi, made: Made) -> None:
    async with serving(env, DummyCookieJar(), BazaarApi) as other:
        made.open.clear()
        first = asyncio.create_task(listed(api))
        await made.begun.wait()
        second = asyncio.create_task(listed(other))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        made.open.set()
        assert list(await asyncio.gather(first, second)) == [0, 0]
    assert made.times == 1


async def test_who_changes_something_sees_it_at_once(api: BazaarApi, made: Made) -> None:
    assert await listed(api) == 0
    await sell(api)
    assert await listed(api) == 1
    assert await listed(api) == 1
    assert made.times == 2


async def test_an_answer_that_was_made_during_a_change_is_not_used_after_it(api: BazaarApi, made: Made) -> None:
    made.open.clear()
    before = asyncio.create_task(listed(api))  # it has counted the listings
    await made.begun.wait()
    await sell(api)
    made.open.set()
    assert await before == 0
    assert await listed(api) == 1


async def test_no_answer_from_before_is_used_when_an_account_was_erased(api: BazaarApi, made: Made) -> None:
    ann = await api.signed_up()
    await listed(api)
    assert (await ann.delete("/auth/me")).status == 204
    await listed(api)
    assert made.times == 2


async def test_nothing_is_dropped_by_what_is_rolled_back(env: Environment, api: BazaarApi, made: Made) -> None:
    await listed(api)
    user, _ = await env.person("Ann", "seller")
    with suppress(ZeroDivisionError):
        async with unit_of_work(env.ctx(user)) as work:
            work.drop("listings")
            raise ZeroDivisionError
    await listed(api)
    assert made.times == 1


async def test_what_a_dead_process_did_not_drop_is_dropped_by_the_workers(
    env: Environment, api: BazaarApi, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    await listed(api)

    async def dies(_work: UnitOfWork) -> None:
        return

    with monkeypatch.context() as patch:
        patch.setattr(UnitOfWork, "perform", dies)
        await sell(api)
    assert await listed(api) == 0
    await env.resources.db.execute("update outbox set created_at = created_at - interval '1 minute'")
    await relay(env.resources, env.publisher)
    assert await listed(api) == 1


async def test_the_dead_holder_of_a_lock_holds_nobody_up_for_long(
    env: Environment, api: BazaarApi, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching, "WAIT_SECONDS", 0.2)
    claimed = []

    async def never_claims(_caching: caching.Caching, lock: str) -> bool:
        claimed.append(lock)
        return False

    monkeypatch.setattr(caching.Caching, "_claim", never_claims)
    assert await listed(api) == 0
    assert len(claimed) == 1
    assert await listed(api) == 0
    assert made.times == 1  # and what was made without the lock serves all


async def test_a_lock_ends_by_itself(env: Environment, api: BazaarApi, made: Made) -> None:
    made.open.clear()
    call = asyncio.create_task(listed(api))
    await made.begun.wait()
    (lock,) = [key async for key in env.resources.redis.scan_iter("cache:bazaar:*:lock:*")]
    assert 0 < await env.resources.redis.ttl(lock) <= caching.LOCK_SECONDS
    made.open.set()
    await call
    assert not await env.resources.redis.exists(lock)


async def test_while_it_is_made_anew_the_others_get_the_one_before(
    api: BazaarApi, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await listed(api) == 0
    monkeypatch.setattr(caching.Kept, "age", property(lambda _kept: 301.0))
    made.open.clear()
    made.begun.clear()
    first = asyncio.create_task(listed(api))
    await made.begun.wait()
    reply = await api.anyone.get(PATH)
    assert (reply.status, reply.headers["Age"]) == (200, "301")
    made.open.set()
    await first
    assert made.times == 2


async def test_who_waits_makes_it_when_the_first_one_fails(api: BazaarApi, made: Made) -> None:
    made.open.clear()
    made.error = OSError("away")
    first = asyncio.create_task(api.anyone.get(PATH))
    await made.begun.wait()
    made.begun.clear()
    second = asyncio.create_task(listed(api))
    made.open.set()
    assert (await first).status == 503
    made.error = None
    assert await second == 0


async def test_a_language_has_answers_of_its_own_and_unknown_ones_share_one(api: BazaarApi, made: Made) -> None:
    titles = []
    for accepted in ("ar-SA,en;q=0.5", "ar", "xx", "fr, en;q=0.9", ""):
        reply = await api.anyone.call("GET", PATH, headers={"Accept-Language": accepted})
        assert reply.headers["Vary"] == "Accept-Language"
        titles.append(reply.body["data"]["title"])
    arabic, english = capability.WORDS["ar"], capability.WORDS["en"]
    assert titles == [arabic, arabic, english, english, english]
    assert made.times == 2


async def test_a_query_that_the_call_does_not_know_makes_no_new_answer(api: BazaarApi, made: Made) -> None:
    for number in range(3):
        assert (await api.anyone.get(PATH, number=number)).status == 200
    assert made.times == 1


async def test_an_answer_by_role_is_that_of_the_role_and_needs_a_login(api: BazaarApi) -> None:
    people = [await api.signed_up(role) for role in ("seller", "buyer", "seller")]
    texts = [(await one.get("/advice")).body["data"]["text"] for one in people]
    assert texts == [capability.ADVICE[role] for role in ("seller", "buyer", "seller")]
    assert (await api.anyone.get("/advice")).status == 401


async def test_headers_say_how_old_it_is_and_that_clients_ask_each_time(api: BazaarApi, made: Made) -> None:
    first = await api.anyone.call("GET", PATH, headers={"X-Request-Id": "one"})
    again = await api.anyone.call("GET", PATH, headers={"X-Request-Id": "two"})
    assert first.headers["ETag"] == again.headers["ETag"]
    assert (first.headers["X-Request-Id"], again.headers["X-Request-Id"]) == ("one", "two")
    assert again.headers["Age"].isdigit()
    assert again.headers["Cache-Control"] == "private, no-cache"
    current = await api.anyone.call("GET", PATH, headers={"If-None-Match": first.headers["ETag"]})
    assert (current.status, current.body) == (304, None)
    await sell(api)
    assert (await api.anyone.call("GET", PATH, headers={"If-None-Match": first.headers["ETag"]})).status == 200
    seller = await api.signed_up()
    assert (await seller.get("/advice")).headers["Cache-Control"] == "private, no-cache"


async def test_without_redis_answers_are_made_each_time(
    api: BazaarApi, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise RedisConnectionError("away")

    monkeypatch.setattr(Redis, "mget", away)
    assert [await listed(api) for _ in range(3)] == [0, 0, 0]
    assert made.times == 3


async def test_a_large_answer_is_not_kept(
    env: Environment, api: BazaarApi, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching, "MOST_BYTES", 10)
    assert [await listed(api) for _ in range(3)] == [0, 0, 0]
    assert made.times == 3
    (key,) = [key async for key in env.resources.redis.scan_iter("cache:bazaar:*")]
    assert await env.resources.redis.strlen(key) < 200


async def test_a_route_has_so_many_places_and_no_more(
    env: Environment, api: BazaarApi, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching, "PLACES", 1)
    for language in ("en", "ar", "en"):
        await listed(api, **{"Accept-Language": language})
    assert made.times == 3  # each took the place of the one before, and none was given the wrong one
    assert len([key async for key in env.resources.redis.scan_iter("cache:bazaar:/statistics:*")]) == 1


async def get_personal(ctx: Ctx) -> Advice:
    """Get what only the caller should see"""
    return Advice(ctx.user.person.name)


@pytest.fixture
def personal(monkeypatch: pytest.MonkeyPatch) -> None:
    route = cached(get("/personal", get_personal, ROLES), 60, by_role=True)
    market = replace(bazaar.MARKETPLACE, routes=(*bazaar.MARKETPLACE.routes, route))
    monkeypatch.setattr(bazaar, "MARKETPLACE", market)


@pytest.mark.usefixtures("personal")
async def test_a_call_that_looks_at_its_caller_cannot_be_cached(
    env: Environment, light_passwords: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    import marketplaces

    monkeypatch.setitem(marketplaces.ALL, "bazaar", bazaar.MARKETPLACE)
    async with serving(env, DummyCookieJar(), BazaarApi) as api:
        ann = await api.signed_up("seller")
        assert (await ann.get("/personal")).status == 500
    assert "without one" in caplog.text
    caplog.clear()


def test_nothing_of_the_caller_is_in_the_context_of_a_cached_call(env: Environment) -> None:
    route = next(one for one in bazaar.MARKETPLACE.routes if one.path == "/statistics")
    assert route.cache
    ctx = Ctx(
        env.resources,
        env.publisher,
        bazaar.MARKETPLACE.policy,
        "id",
        *("remote", "agent", "device", "flow", "token"),
        idempotency_key="key",
        if_match="match",
        if_none_match="none",
    )
    shared = caching.Caching(bazaar.MARKETPLACE, route, route.cache, env.resources).ctx(ctx, "ar")
    assert shared == Ctx(env.resources, env.publisher, bazaar.MARKETPLACE.policy, "id", language="ar")


@pytest.mark.parametrize(("method", "seconds"), [("POST", 60), ("GET", 0), ("GET", cache_tags.LONGEST + 1)])
def test_only_a_get_is_cached_and_for_a_day_at_most(method: str, seconds: int) -> None:
    route: Route = replace(get("/x", capability.get_advice, None), method=method)
    with pytest.raises(ValueError, match="cannot be cached"):
        cached(route, seconds)


def test_the_value_of_a_tag_outlives_every_answer_that_was_made_before() -> None:
    assert cache_tags.KEPT > cache_tags.LONGEST + caching.STALE_SECONDS


async def test_answers_are_dropped_before_jobs_are_queued_and_after_sockets_are_closed(env: Environment) -> None:
    user, _ = await env.person("Ann", "seller")
    async with unit_of_work(env.ctx(user)) as work:
        work.enqueue(FinishErasure(str(user.id)))
        work.end_sessions([user.session_id])
        work.drop("listings")
        work.end_sessions([user.session_id])
        assert [type(effect) for effect in work._effects] == [EndSessions, EndSessions, Drop, Enqueue]
