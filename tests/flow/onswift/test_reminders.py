"""Reminders: whoever has to deliver soon is told, once."""

import asyncio
from datetime import timedelta

import pytest

from core.base import clock
from core.work.context import Ctx
from marketplaces.onswift.handlers import reminders
from tests.flow.api.conftest import Caller
from tests.flow.conftest import House
from tests.flow.onswift.conftest import Cast
from tests.flow.onswift.test_tasks import add, task_of


def day(offset: int) -> str:
    return (clock.today() + timedelta(days=offset)).isoformat()


async def remind(house: House) -> None:
    await reminders.remind(Ctx(house.resources, house.publisher, "onswift", "test"))


async def reminded(caller: Caller) -> list[str]:
    notices = (await caller.get("/notifications", limit=100)).body["notifications"]
    return sorted(one["message"] for one in notices if one["type"] == "deadline_approaching")


async def test_the_assignee_is_reminded_once_of_what_is_due_today_or_tomorrow(house: House, cast: Cast) -> None:
    for offset in (-1, 0, 1, 2):
        task = await task_of(cast, name=f"in {offset}", dueDate=day(offset))
    await remind(house)
    await remind(house)
    assert await reminded(cast.talent) == [
        f"'in 0' in Film project is due on {day(0)}", f"'in 1' in Film project is due on {day(1)}",
    ]  # fmt: skip
    assert await reminded(cast.creator) == []
    await cast.creator.put(f"{cast.path}/tasks/{task['id']}", dueDate=day(1))
    await remind(house)
    assert len(await reminded(cast.talent)) == 3


async def test_nobody_is_reminded_of_what_is_done_deleted_or_no_longer_hers(house: House, cast: Cast) -> None:
    done = await task_of(cast, dueDate=day(0))
    await cast.talent.put(f"{cast.path}/tasks/{done['id']}", status="completed")
    await add(cast, cast.other_talent)
    await task_of(cast, dueDate=day(0), assigneeId=cast.other_talent.id)
    await cast.creator.delete(f"{cast.path}/team/{cast.other_talent.id}")
    await remind(house)
    await task_of(cast, dueDate=day(0))
    await cast.creator.delete(cast.path)
    await remind(house)
    for caller in (cast.talent, cast.other_talent):
        assert await reminded(caller) == []


@pytest.mark.parametrize(("change", "again"), [("dueDate", True), ("assigneeId", True), ("name", False)])
async def test_who_gets_a_task_or_a_new_day_is_reminded_anew(
    house: House, cast: Cast, change: str, again: bool
) -> None:
    task = await task_of(cast, dueDate=day(0))
    await add(cast, cast.other_talent)
    await remind(house)
    values = {"dueDate": day(1), "assigneeId": cast.other_talent.id, "name": "Other"}
    await cast.creator.put(f"{cast.path}/tasks/{task['id']}", **{change: values[change]})
    await remind(house)
    told = await reminded(cast.talent) + await reminded(cast.other_talent)
    assert len(told) == (2 if again else 1)


async def test_many_are_reminded_in_batches_and_by_two_workers_once(
    house: House, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders, "BATCH", 2)
    for number in range(5):
        await task_of(cast, name=str(number), dueDate=day(0))
    await asyncio.gather(remind(house), remind(house))
    await remind(house)
    assert len(await reminded(cast.talent)) == 5
