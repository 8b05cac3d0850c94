"""What the list of hubs says while something is wrong, and the processes beside the hubs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from aiohttp import ClientSession

from api.app import build_app
from cli.serve.heartbeats import api_heartbeat, worker_heartbeat
from cli.serve.listening import listening, runner_of
from config.settings import Settings
from core.base.clock import now
from core.work import dead_jobs
from core.work.jobs import SendMail
from realtime.operations import heartbeat
from realtime.operations.probes import problems
from realtime.operations.process_status import LATE, SILENT
from tests.chaos.proxy import Proxy, open_proxy
from tests.flow.api.conftest import Caller, operating
from tests.flow.conftest import Environment, at_bazaar, open_environment
from workers.app import open_worker

pytestmark = at_bazaar

PATIENCE = 15.0


@pytest.fixture(autouse=True)
def fast_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have processes look at themselves often."""
    monkeypatch.setattr(heartbeat, "HEARTBEAT_SECONDS", 0.05)


@pytest.fixture
async def far_postgres(settings: Settings) -> AsyncIterator[tuple[Proxy, Settings]]:
    """Return the network between a hub and its Postgres, and the settings of such a hub."""
    parts = urlsplit(settings.database_url)
    server = parse_qs(parts.query)
    async with open_proxy(f"{server['host'][0]}/.s.PGSQL.{server['port'][0]}") as (proxy, port):
        url = f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}?sslmode=disable"
        yield proxy, msgspec.structs.replace(settings, database_url=url)
        proxy.heal()


async def listed(operator: Caller, is_so: Callable[[Any], object]) -> Any:
    """Return the list of hubs as soon as something is so."""
    async with asyncio.timeout(PATIENCE):
        while not is_so(answer := (await operator.get("/hubs")).body):  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # nothing signals from there to here but the list itself
    return answer


def missing(listed: Any) -> dict[str, str]:
    problems: dict[str, str] = listed["hubs"][0]["vitals"]["missing"]
    return problems


async def test_a_hub_that_postgres_does_not_answer_says_so_and_its_heartbeat_is_not_late(
    operator: Caller, env: Environment, far_postgres: tuple[Proxy, Settings]
) -> None:
    proxy, settings = far_postgres
    await env.hub(settings)
    assert missing(await listed(operator, lambda seen: seen["hubs"])) == {}
    proxy.pause()
    away = await listed(operator, missing)
    assert missing(away) == {"database": "TimeoutError"}
    beat = away["hubs"][0]["vitals"]["beatAt"]
    # It hangs for longer than any look at it takes, and heartbeats go on.
    await listed(operator, lambda seen: seen["hubs"][0]["vitals"]["beatAt"] > beat)
    proxy.resume()
    await listed(operator, lambda seen: not missing(seen))


async def test_a_check_that_cannot_be_cancelled_blocks_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.operations.probes.CHECK_SECONDS", 0.05)
    end = asyncio.Event()

    async def hang() -> None:
        try:
            await end.wait()
        finally:
            await end.wait()

    async with asyncio.timeout(PATIENCE):
        assert await problems({"database": hang}) == {"database": "TimeoutError"}
    end.set()


async def test_a_hub_that_is_deaf_names_the_server(operator: Caller, env: Environment, hub: str) -> None:
    one = env.hubs[0]
    await listed(operator, lambda seen: not missing(seen))
    await one._heartbeat._beating.stop()
    (server,) = (shard.name for shard in one._bus._shards)
    one._bus._shards[0].deaf = True
    await one._heartbeat._beat()
    (vitals,) = (entry["vitals"] for entry in (await operator.get("/hubs")).body["hubs"])
    assert (vitals["deaf"], vitals["deafTo"]) == (True, [server])
    assert vitals["missing"] == {"hub": f"not heard: {server}"}


async def test_a_hub_that_misses_two_heartbeats_is_late_before_it_is_silent(
    operator: Caller, env: Environment, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await env.hubs[0]._heartbeat._beating.stop()
    states = []
    for age in (LATE / 2, LATE, SILENT):
        monkeypatch.setattr("realtime.operations.process_status.now", lambda age=age: now() + age)
        (entry,) = (await operator.get("/hubs")).body["hubs"]
        states.append((entry["late"], entry["silent"]))
    assert states == [(False, False), (True, False), (True, True)]


@asynccontextmanager
async def asking(url: str) -> AsyncIterator[None]:
    """Ask an address again and again for the time of the block."""

    async def ask() -> None:
        async with ClientSession() as client:
            while True:
                async with client.get(url):
                    await asyncio.sleep(0)

    task = asyncio.create_task(ask())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_apis_tell_how_much_they_are_asked_until_they_end(operator: Caller, env: Environment) -> None:
    app = build_app(env.settings, env.resources, env.publisher)
    async with (
        runner_of(app) as runner,
        listening(env.settings, runner, env.resources.offenders) as port,
        api_heartbeat(env.settings, env.resources, runner),
        asking(f"http://127.0.0.1:{port}/healthz"),
    ):
        seen = await listed(operator, lambda seen: any(one["vitals"]["requestsPerSecond"] for one in seen["processes"]))
        (api,) = (one["vitals"] for one in seen["processes"])
        assert (api["kind"], api["missing"], api["jobsRunning"]) == ("api", {}, None)
        assert api["name"].endswith(f":{env.settings.port}")
    assert (await operator.get("/hubs")).body == {"hubs": [], "processes": []}


async def test_workers_tell_how_many_jobs_there_are_until_they_end(operator: Caller, env: Environment) -> None:
    await dead_jobs.mark_dead(env.resources.db, "SendMail", None, "it broke", 3, "request")
    async with open_worker(env.settings, env.resources, env.publisher) as worker:
        await worker._counting.stop()
        async with worker_heartbeat(env.settings, env.resources, worker):
            await listed(operator, lambda seen: [one["vitals"]["jobsDead"] for one in seen["processes"]] == [None])
            await worker._count()
            await listed(operator, lambda seen: [one["vitals"]["jobsDead"] for one in seen["processes"]] == [1])
            (one,) = (await operator.get("/hubs")).body["processes"]
            assert (one["late"], one["silent"], one["vitals"]["kind"]) == (False, False, "worker")
    assert (await operator.get("/hubs")).body == {"hubs": [], "processes": []}


async def test_jobs_that_wait_are_counted_and_those_for_later_are_not(env: Environment) -> None:
    assert await env.resources.jobs.waiting() == 0
    await env.resources.jobs.enqueue(SendMail("ann@example.com", "now", ""))
    await env.resources.jobs._redis.enqueue_job("SendMail", _defer_by=600)
    assert await env.resources.jobs.waiting() == 1


async def test_while_the_first_redis_is_away_the_error_names_it_without_its_password(settings: Settings) -> None:
    path = urlsplit(settings.redis_urls[0]).path
    async with open_proxy(path) as (proxy, port):
        far = msgspec.structs.replace(settings, redis_urls=(f"redis://default:secret@127.0.0.1:{port}",))
        async with open_environment(far) as env, operating(env) as operator:
            assert (await operator.get("/hubs")).status == 200
            proxy.cut()
            reply = await operator.get("/hubs")
            assert (reply.status, reply.code) == (503, "UNAVAILABLE")
            assert f"Redis 127.0.0.1:{port}" in reply.body["error"]["message"]
            assert "secret" not in f"{reply}"
            proxy.mend()
            assert (await operator.get("/hubs")).status == 200
