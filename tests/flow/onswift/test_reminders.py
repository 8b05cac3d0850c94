"""Reminders: whoever has to deliver soon is told, once."""

import asyncio
from datetime import timedelta

import pytest

from core.base import clock
from core.work.context import Ctx
from marketplaces.onswift.handlers import reminders
from marketplaces.onswift.policy import POLICY
from tests.flow.api.conftest import Caller
from tests.flow.conftest import Environment
from tests.flow.onswift.conftest import People
from tests.flow.onswift.test_tasks import add, task_of


def day(offset: int) -> str:
    return (clock.today() + timedelta(days=offset)).isoformat()


async def remind(env: Environment) -> None:
    await reminders.remind(Ctx(env.resources, env.publisher, POLICY, "test"))


async def reminded(caller: Caller) -> list[str]:
    notices = (await caller.get("/notifications", limit=100)).body["notifications"]
    return sorted(one["message"] for one in notices if one["type"] == "deadline_approaching")


async def test_the_assignee_is_reminded_once_of_what_is_due_today_or_tomorrow(env: Environment, people: People) -> None:
    for offset in (-1, 0, 1, 2):
        task = await task_of(people, name=f"in {offset}", dueDate=day(offset))
    await remind(env)
    await remind(env)
    assert await reminded(people.talent) == [
        f"'in 0' in Film project is due on {day(0)}", f"'in 1' in Film project is due on {day(1)}",
    ]  # fmt: skip
    assert await reminded(people.creator) == []
    await people.creator.put(f"{people.path}/tasks/{task['id']}", dueDate=day(1))
    await remind(env)
    assert len(await reminded(people.talent)) == 3


async def test_nobody_is_reminded_of_what_is_done_deleted_or_no_longer_hers(env: Environment, people: People) -> None:
    done = await task_of(people, dueDate=day(0))
    await people.talent.put(f"{people.path}/tasks/{done['id']}", status="completed")
    await add(people, people.other_talent)
    await task_of(people, dueDate=day(0), assigneeId=people.other_talent.id)
    await people.creator.delete(f"{people.path}/team/{people.other_talent.id}")
    await remind(env)
    await task_of(people, dueDate=day(0))
    await people.creator.delete(people.path)
    await remind(env)
    for caller in (people.talent, people.other_talent):
        assert await reminded(caller) == []


@pytest.mark.parametrize(("change", "again"), [("dueDate", True), ("assigneeId", True), ("name", False)])
async def test_who_gets_a_task_or_a_new_day_is_reminded_anew(
    env: Environment, people: People, change: str, again: bool
) -> None:
    task = await task_of(people, dueDate=day(0))
    await add(people, people.other_talent)
    await remind(env)
    values = {"dueDate": day(1), "assigneeId": people.other_talent.id, "name": "Other"}
    await people.creator.put(f"{people.path}/tasks/{task['id']}", **{change: values[change]})
    await remind(env)
    told = await reminded(people.talent) + await reminded(people.other_talent)
    assert len(told) == (2 if again else 1)


async def test_many_are_reminded_in_batches_and_by_two_workers_once(
    env: Environment, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders, "BATCH", 2)
    for number in range(5):
        await task_of(people, name=str(number), dueDate=day(0))
    await asyncio.gather(remind(env), remind(env))
    await remind(env)
    assert len(await reminded(people.talent)) == 5
