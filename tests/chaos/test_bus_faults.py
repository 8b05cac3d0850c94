"""What crosses the bus comes twice, late and in the wrong order; and what is committed never crosses it."""

import random
from typing import Any
from uuid import UUID

import pytest

from config.settings import Settings
from core.base.ids import uuid7
from core.base.people import Person
from core.base.publisher import Draft
from core.market.resources import open_resources
from realtime.bus.bus import Bus
from realtime.publishing.publisher import Publisher
from tests.chaos.crowd import Crowd, gathered
from tests.chaos.stage import KEY, Stage

pytestmark = pytest.mark.chaos


class ShufflingBus(Bus):
    """Keeps what is published, until it is told to say it twice and in any order."""

    def publish(self, *args: Any, **more: Any) -> None:
        self.kept = [*getattr(self, "kept", []), (args, more)]

    def shuffle(self, dice: random.Random) -> None:
        frames = self.kept * 2
        dice.shuffle(frames)
        for args, more in frames:
            super().publish(*args, **more)
        self.kept = []


async def say(publisher: Publisher, crowd: Crowd, dice: random.Random, count: int) -> None:
    """Store messages of people in the crowd from outside the hubs."""
    for number in range(count):
        person = dice.choice(crowd.people)
        room = dice.choice(person.journal.conversations)
        sender = Person(UUID(person.journal.user_id), person.journal.name)
        await publisher.append(Draft(uuid7(), UUID(room), sender, f"from outside {number}, {uuid7()}"))


@pytest.mark.parametrize(
    "says", [pytest.param(True, id="twice and in any order"), pytest.param(False, id="never", marks=pytest.mark.slow)]
)
async def test_everybody_hears_everything_once_and_in_order_when_the_bus_says_it(stage: Stage, says: bool) -> None:
    urls = (stage.servers.redis.url,)
    settings = Settings(database_url=stage.servers.postgres.url, redis_urls=urls, jwt_keys=(KEY,))
    async with gathered(stage) as crowd, open_resources(settings) as resources:
        bus = ShufflingBus(urls, resources.metrics, deliver=lambda _: None, restored=lambda: None)
        publisher = Publisher(resources, bus)
        await bus.start()
        async with crowd.talking(50.0):
            for _ in range(10):
                await say(publisher, crowd, stage.dice, 15)
                if says:
                    bus.shuffle(stage.dice)
                await crowd.said(5)
        if not says:
            await say(publisher, crowd, stage.dice, 15)
        assert await crowd.settled() == []
        await bus.stop()
