"""The bus breaks under load: Redis dies or stays away, and the network before it is cut, deaf or slow."""

import asyncio
import signal

import pytest

from tests.chaos.crowd import gathered
from tests.chaos.stage import Stage

pytestmark = pytest.mark.chaos


async def test_nothing_is_lost_when_redis_restarts_while_the_last_words_are_said(stage: Stage) -> None:
    async with gathered(stage) as crowd:
        async with crowd.talking(200.0):
            await crowd.said(100)
            stage.servers.redis.end(signal.SIGKILL)
            await crowd.said(40)
        stage.servers.redis.start()
        assert await crowd.settled() == []


@pytest.mark.slow
async def test_people_on_different_hubs_talk_on_without_redis(stage: Stage) -> None:
    async with gathered(stage) as crowd:
        async with crowd.talking():
            await crowd.said(60)
            stage.servers.redis.end(signal.SIGKILL)
            await crowd.said(300)
        assert await crowd.settled() == []


@pytest.mark.slow
async def test_nothing_is_lost_between_hubs_of_which_one_is_cut_off_from_redis(stage: Stage) -> None:
    async with gathered(stage) as crowd:
        async with crowd.talking():
            await crowd.said(60)
            stage.proxies[0].cut()
            await crowd.said(180)
        assert await crowd.settled() == []


async def test_nothing_is_lost_when_connections_to_redis_break_and_come_back_at_once(stage: Stage) -> None:
    async with gathered(stage) as crowd:
        async with crowd.talking(100.0):
            for proxy in stage.proxies * 3:
                await crowd.said(30)
                proxy.drop()
        assert await crowd.settled() == []


@pytest.mark.slow
async def test_nothing_is_lost_and_nothing_hangs_when_the_bus_is_connected_but_deaf(stage: Stage) -> None:
    async with gathered(stage) as crowd:
        async with crowd.talking():
            await crowd.said(60)
            for proxy in stage.proxies:
                proxy.pause()
            await crowd.said(60)
            for person in crowd.people[::3]:
                person.hang_up()
            await crowd.said(120)
        assert await crowd.settled() == []  # still deaf
        for proxy in stage.proxies:
            proxy.resume()
        async with crowd.talking():
            await crowd.said(60)
        assert await crowd.settled() == []


@pytest.mark.slow
async def test_nothing_is_lost_or_out_of_order_when_the_bus_is_slow(stage: Stage) -> None:
    async with gathered(stage) as crowd:
        async with crowd.talking():
            stage.proxies[0].delay = 0.3
            await crowd.said(120)
            stage.proxies[0].delay = 0.0
            await crowd.said(30)
        assert await crowd.settled() == []


@pytest.mark.slow
async def test_a_join_does_not_wait_for_a_deaf_redis(stage: Stage) -> None:
    async with gathered(stage) as crowd:
        for proxy in stage.proxies:
            proxy.pause()
        crowd.people[0].hang_up()
        async with asyncio.timeout(5):
            await crowd.all_joined()
