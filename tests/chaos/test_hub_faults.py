"""Hubs are killed, frozen and replaced under load, and one of the clients does not read."""

import asyncio
import signal

import pytest

from tests.chaos.crowd import gathered
from tests.chaos.journal import Connected, Disconnected, Refused
from tests.chaos.stage import Stage

pytestmark = pytest.mark.chaos


async def test_nobody_is_disconnected_or_misses_anything_when_nothing_breaks(stage: Stage) -> None:
    async with gathered(stage) as crowd:
        async with crowd.talking():
            await crowd.said(150)
        assert await crowd.settled() == []
        assert crowd.count(Disconnected) == crowd.count(Refused) == 0


async def test_nothing_is_lost_when_hubs_are_killed(stage: Stage) -> None:
    async with gathered(stage) as crowd:
        async with crowd.talking():
            for hub in stage.hubs:
                await crowd.said(60)
                await hub.end(signal.SIGKILL)
                await crowd.said(60)
                await hub.start()
        assert await crowd.settled() == []
        assert crowd.count(Disconnected) > 0


@pytest.mark.slow
async def test_nothing_is_lost_when_a_hub_dies_while_the_last_words_are_said(stage: Stage) -> None:
    async with gathered(stage) as crowd:
        async with crowd.talking(200.0):
            await crowd.said(100)
            await stage.hubs[0].end(signal.SIGKILL)
        assert await crowd.settled() == []


@pytest.mark.slow
async def test_nothing_is_lost_when_a_hub_stands_still_for_five_seconds(stage: Stage) -> None:
    async with gathered(stage) as crowd:
        async with crowd.talking():
            await crowd.said(60)
            stage.hubs[0].freeze()
            await asyncio.sleep(5)
            stage.hubs[0].thaw()
            await crowd.said(60)
        assert await crowd.settled() == []


@pytest.mark.slow
async def test_a_rolling_restart_loses_nothing_and_shows_no_error(stage: Stage) -> None:
    async with gathered(stage) as crowd:
        async with crowd.talking():
            for hub in stage.hubs:
                await crowd.said(60)
                await hub.restart()
            await crowd.said(60)
        assert await crowd.settled() == []
        assert crowd.count(Refused) == 0
        assert crowd.count(Connected) > len(crowd.people)


@pytest.mark.slow
async def test_a_client_that_does_not_read_delays_nobody_and_gets_all_in_order_when_it_reads_again(
    stage: Stage,
) -> None:
    async with gathered(stage, people=6, conversations=1, each=1) as crowd:
        slow = crowd.people[0]
        slow.receive_buffer, slow.patience = 4096, 60.0
        slow.hang_up()
        await crowd.all_joined()
        async with crowd.talking(100.0, size=9_000):
            await crowd.said(20)
            slow.reading.clear()
            await crowd.said(400)
            slow.reading.set()
            await crowd.said(20)
        assert await crowd.settled() == []
        assert sum(isinstance(line, Disconnected) for line in slow.journal.lines) == 1


@pytest.mark.slow
async def test_clients_that_never_read_delay_nobody(stage: Stage) -> None:
    async with gathered(stage, people=26, conversations=1, each=1) as crowd:
        crowd.people, sleepers = crowd.people[:6], crowd.people[6:]
        for sleeper in sleepers:
            sleeper.receive_buffer = 4096
            sleeper.hang_up()
        await crowd.until(lambda: all(sleeper.idle for sleeper in sleepers))
        for sleeper in sleepers:
            sleeper.reading.clear()
        async with crowd.talking(100.0, size=9_000):
            await crowd.said(300)
        assert await crowd.settled() == []
        assert sum(isinstance(line, Disconnected) for person in crowd.people for line in person.journal.lines) == 0
