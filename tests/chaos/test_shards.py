"""A bus of several Redis servers: one of them dies and comes back, or is added, under load."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from cli.embedded.redis import embedded_redis
from core.platform.redis_pool import server_name
from tests.chaos.conftest import SEED
from tests.chaos.crowd import gathered
from tests.chaos.hub import HubProcess
from tests.chaos.servers import Restartable, Servers
from tests.chaos.stage import Stage, open_stage

pytestmark = [pytest.mark.chaos, pytest.mark.slow]


@pytest.fixture
def second(chaos_servers: Servers) -> Iterator[Restartable]:
    """Return another Redis."""
    folder = Path(chaos_servers.redis.url.removeprefix("unix://")).parent.with_name("second")
    server = Restartable(lambda: embedded_redis(folder))
    server.start()
    yield server
    server.close()


@pytest.fixture
async def sharded(chaos_servers: Servers, second: Restartable) -> AsyncIterator[Stage]:
    """Return a stage whose hubs share two Redis servers."""
    async with open_stage(chaos_servers, SEED, redis_urls=[chaos_servers.redis.url, second.url]) as stage:
        yield stage
        stage.heal()


async def unheard(stage: Stage) -> list[str]:
    """Return what each hub says that it does not hear."""
    found = []
    async with aiohttp.ClientSession() as session:
        for hub in stage.hubs:
            async with session.get(f"http://127.0.0.1:{hub.port}/readyz") as answer:
                found.append((await answer.json()).get("missing", {}).get("hub", ""))
    return found


async def deaf_seconds(stage: Stage, server: str) -> float:
    """Return for how long hubs have not heard a server, as their metrics say."""
    total = 0.0
    async with aiohttp.ClientSession() as session:
        for hub in stage.hubs:
            async with session.get(f"http://127.0.0.1:{hub.port}/metrics") as answer:
                lines = (await answer.text()).splitlines()
            name = f'greenroom_bus_deaf_seconds_total{{server="{server}"}} '
            total += sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))
    return total


async def until_unheard(stage: Stage, expected: str) -> None:
    async with asyncio.timeout(10):
        while await unheard(stage) != [expected] * len(stage.hubs):  # noqa: ASYNC110 - it is asked over HTTP
            await asyncio.sleep(0.1)


async def test_a_dead_server_costs_its_own_conversations_the_bus_and_nobody_a_message(
    sharded: Stage, second: Restartable
) -> None:
    first_name, name = (server_name(server.url) for server in (sharded.servers.redis, second))
    async with gathered(sharded, conversations=8) as crowd:
        await until_unheard(sharded, "")
        before, others = await deaf_seconds(sharded, name), await deaf_seconds(sharded, first_name)
        async with crowd.talking(100.0):
            await crowd.said(60)
            second.end(signal.SIGKILL)
            await until_unheard(sharded, f"not heard: {name}")
            await crowd.said(200)
        assert await crowd.settled() == []  # still dead
        assert await deaf_seconds(sharded, name) > before
        assert await deaf_seconds(sharded, first_name) == others
        second.start()
        async with crowd.talking(100.0):
            await until_unheard(sharded, "")
            await crowd.said(60)
        assert await crowd.settled() == []


async def test_a_dead_first_server_takes_presence_and_jobs_with_it_and_no_message(sharded: Stage) -> None:
    async with gathered(sharded, conversations=8) as crowd:
        async with crowd.talking(100.0):
            await crowd.said(60)
            sharded.servers.redis.end(signal.SIGKILL)
            await crowd.said(200)
            crowd.people[0].hang_up()
        assert await crowd.settled() == []  # still dead, and the one who hung up is back
        sharded.servers.redis.start()
        async with crowd.talking(100.0):
            await until_unheard(sharded, "")
            await crowd.said(60)
        assert await crowd.settled() == []


async def test_a_server_is_added_while_people_talk(sharded: Stage) -> None:
    both = sharded.hubs[0].environ["GREENROOM_REDIS_URLS"]
    for hub in sharded.hubs:
        await restart(hub, both.partition(",")[0])
    async with gathered(sharded, conversations=8) as crowd:
        async with crowd.talking():
            for hub in sharded.hubs:
                await crowd.said(60)
                await restart(hub, both)
            await crowd.said(60)
        assert await crowd.settled() == []


async def test_a_hub_starts_while_one_of_the_servers_is_dead(sharded: Stage) -> None:
    async with gathered(sharded, conversations=8) as crowd:
        sharded.servers.redis.end(signal.SIGKILL)
        async with crowd.talking():
            await restart(sharded.hubs[0], sharded.hubs[0].environ["GREENROOM_REDIS_URLS"])
            await crowd.said(60)
        assert await crowd.settled() == []


async def restart(hub: HubProcess, redis_urls: str) -> None:
    """Start a hub anew with these servers of the bus."""
    hub.environ = {**hub.environ, "GREENROOM_REDIS_URLS": redis_urls}
    await hub.restart()
