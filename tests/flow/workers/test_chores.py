"""What marketplaces have the workers do by themselves."""

import asyncio

from tests.flow.conftest import PATIENCE, House
from tests.flow.onswift.conftest import Cast
from tests.flow.onswift.conftest import cast as cast
from tests.flow.onswift.test_reminders import day
from tests.flow.onswift.test_tasks import ear, task_of
from workers.app import open_worker


async def test_a_worker_reminds_people_of_their_tasks(house: House, hub: str, cast: Cast) -> None:
    bob = await ear(house, hub, cast.talent)
    task = await task_of(cast, dueDate=day(1))
    await bob.heard.next("notification:new")
    async with open_worker(house.settings, house.resources, house.publisher), asyncio.timeout(PATIENCE):
        told = (await bob.heard.next("notification:new"))["notification"]
    assert (told["type"], told["entityId"]) == ("deadline_approaching", task["id"])
