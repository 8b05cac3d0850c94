"""A notification job that was lost is made up for."""

import asyncio

import pytest

from core.base.ids import uuid7
from core.base.publisher import Draft
from tests.flow.conftest import PATIENCE, House
from tests.flow.workers.test_notifications import Ear
from workers.app import open_worker


async def test_a_worker_that_starts_tells_what_was_written_while_there_was_none(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ann, _), (bob, _) = await house.person("Ann"), await house.person("Bob")
    group = await house.group(ann, bob)
    await house.publisher.append(Draft(uuid7(), group, ann.person, "hello"))
    await house.resources.redis.flushall()
    ear = Ear(house, monkeypatch)
    async with open_worker(house.settings, house.resources, house.publisher), asyncio.timeout(PATIENCE):
        await ear.news.wait()
    assert ear.notified() == [bob.id]
