"""What marketplaces have the workers do by themselves."""

import asyncio

from tests.flow.conftest import PATIENCE, Environment
from tests.flow.onswift.conftest import People
from tests.flow.onswift.conftest import people as people
from tests.flow.onswift.test_reminders import day
from tests.flow.onswift.test_tasks import ear, task_of
from workers.app import open_worker


async def test_a_worker_reminds_people_of_their_tasks(env: Environment, hub: str, people: People) -> None:
    bob = await ear(env, hub, people.talent)
    task = await task_of(people, dueDate=day(1))
    await bob.heard.next("notification:new")
    async with open_worker(env.settings, env.resources, env.publisher), asyncio.timeout(PATIENCE):
        told = (await bob.heard.next("notification:new"))["notification"]
    assert (told["type"], told["entityId"]) == ("deadline_approaching", task["id"])
