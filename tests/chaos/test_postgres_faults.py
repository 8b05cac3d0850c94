"""Postgres restarts and dies under load: what was acked is there, what was not is sent again."""

import signal

import pytest

from tests.chaos.crowd import gathered
from tests.chaos.journal import Refused
from tests.chaos.stage import Stage

pytestmark = pytest.mark.chaos


@pytest.mark.parametrize(
    "end",
    [pytest.param(signal.SIGINT, id="fast shutdown", marks=pytest.mark.slow), pytest.param(signal.SIGKILL, id="kill")],
)
async def test_nothing_is_lost_when_postgres_restarts(stage: Stage, end: signal.Signals) -> None:
    async with gathered(stage) as crowd:
        async with crowd.talking(100.0):
            for _ in range(2):
                await crowd.said(100)
                stage.servers.postgres.end(end)
                await crowd.refused("UNAVAILABLE")
                stage.servers.postgres.start()
            await crowd.said(100)
        assert await crowd.settled() == []
        assert crowd.count(Refused) > 0


@pytest.mark.slow
async def test_nothing_is_lost_when_postgres_and_redis_die_together_while_the_last_words_are_said(stage: Stage) -> None:
    async with gathered(stage) as crowd:
        async with crowd.talking(200.0):
            await crowd.said(200)
            stage.servers.redis.end(signal.SIGKILL)
            await crowd.said(20)
            stage.servers.postgres.end(signal.SIGKILL)
        stage.servers.start()
        assert await crowd.settled() == []
