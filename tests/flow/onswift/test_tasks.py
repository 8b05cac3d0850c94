"""Tasks: who gives, sees, changes and hears of them."""

import asyncio
from typing import Any

import pytest

from tests.flow.api.conftest import Caller
from tests.flow.conftest import Chatter, House
from tests.flow.onswift.conftest import NOWHERE, Cast

NEW_TASK = {"name": "Create storyboard", "dueDate": "2999-10-15"}


async def task_of(cast: Cast, **more: Any) -> dict[str, Any]:
    created = await cast.creator.post(f"{cast.path}/tasks", **{"assigneeId": cast.talent.id, **NEW_TASK, **more})
    assert created.status == 201, created
    body: dict[str, Any] = created.body
    return body


async def names(caller: Caller, path: str = "/tasks", **query: str | int) -> list[str]:
    return [one["name"] for one in (await caller.get(path, **query)).body["tasks"]]


async def add(cast: Cast, who: Caller) -> None:
    assert (await cast.creator.post(f"{cast.path}/team", userId=who.id)).status == 201


async def ear(house: House, hub: str, caller: Caller) -> Chatter:
    """Return a caller's socket."""
    user, _ = await house.person("Nobody")
    chatter = Chatter(user, caller.access_token, hub)
    house.stack.push_async_callback(chatter.socket.disconnect)
    return await chatter.connect()


async def test_a_task_begins_in_planning_and_its_people_see_it_alike(cast: Cast) -> None:
    task = await task_of(cast, description="Design it")
    assert (task["status"], task["projectId"], task["completedAt"]) == ("planning", cast.project, None)
    assert (task["assignee"]["id"], task["assignee"]["name"]) == (cast.talent.id, "Bob")
    for caller in (cast.creator, cast.talent):
        assert (await caller.get(f"{cast.path}/tasks/{task['id']}")).body == task
        assert (await caller.get(f"{cast.path}/tasks")).body["tasks"] == [task]
    project = (await cast.creator.get(cast.path)).body
    assert (project["taskCount"], project["completedTaskCount"]) == (1, 0)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"), ({"name": "x" * 256}, "name"), ({"name": None}, "name"), ({"dueDate": "soon"}, "dueDate"),
        ({"assigneeId": "Bob"}, "assigneeId"), ({"description": "a\0b"}, "description"),
    ],
)  # fmt: skip
async def test_a_task_that_lacks_something_is_neither_made_nor_changed_so(cast: Cast, change: Any, field: str) -> None:
    task = await task_of(cast)
    path = f"{cast.path}/tasks"
    for refused in (
        await cast.creator.post(path, **{"assigneeId": cast.talent.id, **NEW_TASK, **change}),
        await cast.creator.put(f"{path}/{task['id']}", **change),
    ):
        assert (refused.status, refused.code, refused.fields) == (400, "VALIDATION_ERROR", [field])
    assert (await cast.creator.get(path)).body["tasks"] == [task]


async def test_a_task_may_be_due_in_the_past(cast: Cast) -> None:
    assert (await task_of(cast, dueDate="2020-02-29"))["dueDate"] == "2020-02-29"


async def test_only_who_is_in_the_team_is_assigned(cast: Cast) -> None:
    task = await task_of(cast)
    for id in (cast.other_talent.id, cast.creator.id, NOWHERE):
        for refused in (
            await cast.creator.post(f"{cast.path}/tasks", assigneeId=id, **NEW_TASK),
            await cast.creator.put(f"{cast.path}/tasks/{task['id']}", assigneeId=id),
        ):
            assert (refused.status, refused.code) == (400, "ASSIGNEE_NOT_IN_TEAM")


async def test_only_the_creator_of_the_project_makes_and_deletes_tasks(cast: Cast) -> None:
    task = await task_of(cast)
    for caller in (cast.talent, *cast.strangers):
        assert (await caller.post(f"{cast.path}/tasks", assigneeId=cast.talent.id, **NEW_TASK)).status == 403
        assert (await caller.delete(f"{cast.path}/tasks/{task['id']}")).status == 403
    for caller in cast.strangers:
        assert (await caller.get(f"{cast.path}/tasks")).status == 403
        assert (await caller.get(f"{cast.path}/tasks/{task['id']}")).status == 403
        assert (await caller.put(f"{cast.path}/tasks/{task['id']}", status="completed")).status == 403
        assert await names(caller) == []


async def test_a_task_is_found_in_its_own_project_only(cast: Cast, new_project: Any) -> None:
    task = await task_of(cast)
    elsewhere = f"/projects/{await new_project(cast.creator)}/tasks/{task['id']}"
    for reply in (
        await cast.creator.get(elsewhere),
        await cast.creator.put(elsewhere, name="Mine"),
        await cast.creator.delete(elsewhere),
        await cast.creator.get(f"{cast.path}/tasks/{NOWHERE}"),
    ):
        assert (reply.status, reply.code) == (404, "TASK_NOT_FOUND")
    assert (await cast.creator.get(f"/projects/{NOWHERE}/tasks")).code == "PROJECT_NOT_FOUND"


async def test_an_assignee_changes_the_status_and_nothing_else(cast: Cast) -> None:
    task = await task_of(cast)
    path = f"{cast.path}/tasks/{task['id']}"
    for body in ({"name": "Mine"}, {"status": "completed", "dueDate": "2999-12-31"}, {"assigneeId": cast.talent.id}):
        assert (await cast.talent.put(path, **body)).status == 403
    assert (await cast.talent.get(path)).body == task
    moved = await cast.talent.put(path, status="in-progress")
    assert moved.body == task | {"status": "in-progress", "updatedAt": moved.body["updatedAt"]}


async def test_a_colleague_sees_a_task_but_does_not_move_it(cast: Cast) -> None:
    task = await task_of(cast)
    await add(cast, cast.other_talent)
    path = f"{cast.path}/tasks/{task['id']}"
    assert (await cast.other_talent.get(path)).status == 200
    assert (await cast.other_talent.put(path, status="completed")).status == 403


async def test_the_work_goes_forward_and_only_the_creator_sends_it_back(cast: Cast) -> None:
    path = f"{cast.path}/tasks/{(await task_of(cast))['id']}"
    done = (await cast.talent.put(path, status="completed")).body
    assert done["completedAt"]
    assert (await cast.talent.put(path, status="completed")).body == done, "staying is no change"
    for back in ("in-progress", "planning"):
        assert (await cast.talent.put(path, status=back)).status == 403
    assert (await cast.creator.get(cast.path)).body["completedTaskCount"] == 1
    assert (await cast.creator.put(path, name="Again")).body["completedAt"] == done["completedAt"]
    assert (await cast.creator.put(path, status="planning")).body["completedAt"] is None
    assert (await cast.creator.put(path, status="shelved")).fields == ["status"]


async def test_a_change_by_the_creator_leaves_what_it_does_not_name(cast: Cast) -> None:
    task = await task_of(cast, description="Design it")
    changed = (await cast.creator.put(f"{cast.path}/tasks/{task['id']}", dueDate="2999-11-01")).body
    assert changed == task | {"dueDate": "2999-11-01", "updatedAt": changed["updatedAt"]}
    assert changed["updatedAt"] > task["updatedAt"]


async def test_the_assignee_is_told_of_a_task_and_again_when_it_comes_back(house: House, hub: str, cast: Cast) -> None:
    await add(cast, cast.other_talent)
    bob, dan = await ear(house, hub, cast.talent), await ear(house, hub, cast.other_talent)
    task = await task_of(cast)
    assert (await bob.heard.next("task:assigned"))["task"] == task
    path = f"{cast.path}/tasks/{task['id']}"
    await cast.creator.put(path, assigneeId=cast.other_talent.id)
    assert (await dan.heard.next("task:assigned"))["assignedBy"]["id"] == cast.creator.id
    await cast.creator.put(path, assigneeId=cast.talent.id)
    await bob.heard.next("task:assigned")
    await cast.creator.put(path, assigneeId=cast.talent.id, name="Create storyboard")
    notices = (await cast.talent.get("/notifications")).body["notifications"]
    assert [(one["type"], one["title"], one["entityType"], one["entityId"]) for one in notices] == [
        ("task_assigned", "New Task Assigned", "task", task["id"])
    ] * 2
    assert notices[0]["message"] == "You've been assigned to 'Create storyboard' in Film project"
    assert len(bob.heard.all("task:assigned")) == 2, "not when nothing changes"


async def test_creator_and_team_hear_what_happens_to_tasks(house: House, hub: str, cast: Cast) -> None:
    ann, bob = await ear(house, hub, cast.creator), await ear(house, hub, cast.talent)
    stranger = await ear(house, hub, cast.other_talent)
    task = await task_of(cast)
    path = f"{cast.path}/tasks/{task['id']}"
    await cast.talent.put(path, status="completed")
    changed = (await cast.creator.put(path, name="Storyboard")).body
    await cast.creator.delete(path)
    for one in (ann, bob):
        assert (await one.heard.next("task:created"))["task"] == task
        told = await one.heard.next("task:status_changed")
        assert (told["taskId"], told["projectId"], told["status"]) == (task["id"], cast.project, "completed")
        assert told["updatedBy"]["id"] == cast.talent.id
        assert (await one.heard.next("task:updated"))["task"] == changed
        assert await one.heard.next("task:deleted") == {"taskId": task["id"], "projectId": cast.project}
    assert [name for name, _ in stranger.heard.events] == []


async def test_a_deleted_task_is_gone(cast: Cast) -> None:
    path = f"{cast.path}/tasks/{(await task_of(cast))['id']}"
    assert (await cast.creator.delete(path)).status == 204
    assert (await cast.creator.get(path)).code == "TASK_NOT_FOUND"
    assert (await cast.creator.delete(path)).code == "TASK_NOT_FOUND"
    assert (await cast.creator.get(cast.path)).body["taskCount"] == 0


async def test_tasks_of_all_projects_are_filtered_sorted_and_paged(cast: Cast, new_project: Any) -> None:
    second = await new_project(cast.creator)
    await add(cast, cast.other_talent)
    await cast.creator.post(f"/projects/{second}/team", userId=cast.talent.id)
    await task_of(cast, name="b", dueDate="2999-01-03")
    done = await task_of(cast, name="C", dueDate="2999-01-02")
    await task_of(cast, name="a", dueDate="2999-01-01", assigneeId=cast.other_talent.id)
    body = {**NEW_TASK, "name": "d", "assigneeId": cast.talent.id, "dueDate": "2999-01-04"}
    await cast.creator.post(f"/projects/{second}/tasks", **body)
    await cast.creator.put(f"{cast.path}/tasks/{done['id']}", status="completed")
    assert await names(cast.creator) == ["a", "C", "b", "d"]
    assert await names(cast.creator, sort="-dueDate") == ["d", "b", "C", "a"]
    assert await names(cast.creator, sort="name") == ["a", "b", "C", "d"]
    assert await names(cast.creator, sort="-createdAt") == ["d", "a", "C", "b"]
    assert await names(cast.creator, sort="-status") == ["C", "a", "b", "d"]
    assert await names(cast.talent) == ["C", "b", "d"], "only her own"
    assert await names(cast.talent, assigneeId=cast.other_talent.id) == []
    assert await names(cast.creator, assigneeId=cast.other_talent.id) == ["a"]
    assert await names(cast.creator, projectId=second) == ["d"]
    assert await names(cast.creator, status="completed") == ["C"]
    page = (await cast.creator.get("/tasks", sort="name", limit=3, page=2)).body
    assert ([one["name"] for one in page["tasks"]], page["pagination"]["total"]) == (["d"], 4)
    assert await names(cast.creator, f"{cast.path}/tasks", status="planning") == ["a", "b"]
    assert await names(cast.talent, f"{cast.path}/tasks", assigneeId=cast.other_talent.id) == ["a"], "the team's"


@pytest.mark.parametrize("query", [{"sort": "id"}, {"sort": "--name"}, {"status": "active"}, {"limit": 101}])
async def test_what_a_list_does_not_know_is_refused(cast: Cast, query: dict[str, Any]) -> None:
    refused = await cast.creator.get("/tasks", **query)
    assert (refused.status, refused.fields) == (400, list(query))


async def test_open_tasks_of_who_is_removed_are_nobodys_and_named(house: House, hub: str, cast: Cast) -> None:
    ann = await ear(house, hub, cast.creator)
    task, done = await task_of(cast), await task_of(cast)
    path = f"{cast.path}/tasks/{task['id']}"
    await cast.talent.put(f"{cast.path}/tasks/{done['id']}", status="completed")
    removed = await cast.creator.delete(f"{cast.path}/team/{cast.talent.id}")
    assert (removed.status, removed.body) == (200, {"unassignedTasks": [{"id": task["id"], "name": task["name"]}]})
    updated = (await ann.heard.next("task:updated"))["task"]
    assert (updated["id"], updated["assignee"]) == (task["id"], None)
    assert (await cast.talent.put(path, status="completed")).status == 403
    assert (await cast.talent.get(path)).status == 403
    assert await names(cast.talent) == []
    assert (await cast.creator.get(path)).body["assignee"] is None
    assert (await cast.creator.get(f"{cast.path}/tasks/{done['id']}")).body["assignee"] == task["assignee"]
    assert sorted(await names(cast.creator)) == sorted([task["name"], done["name"]])
    assert (await cast.creator.put(path, name="Kept")).body["assignee"] is None
    await add(cast, cast.other_talent)
    given = await cast.creator.put(path, assigneeId=cast.other_talent.id)
    assert given.body["assignee"]["id"] == cast.other_talent.id
    assert (await cast.creator.get("/calendar", **{"from": task["dueDate"], "to": task["dueDate"]})).status == 200


async def test_who_had_no_open_task_is_removed_without_an_answer(cast: Cast) -> None:
    assert (await cast.creator.delete(f"{cast.path}/team/{cast.talent.id}")).status == 204


async def test_tasks_of_a_deleted_project_are_in_no_list(cast: Cast) -> None:
    task = await task_of(cast)
    await cast.creator.delete(cast.path)
    for caller in (cast.creator, cast.talent):
        assert await names(caller) == []
        assert (await caller.get(f"{cast.path}/tasks/{task['id']}")).code == "PROJECT_NOT_FOUND"


async def test_nobody_is_assigned_and_removed_at_once(cast: Cast) -> None:
    for _ in range(5):
        await add(cast, cast.other_talent)
        given, removed = await asyncio.gather(
            cast.creator.post(f"{cast.path}/tasks", assigneeId=cast.other_talent.id, **NEW_TASK),
            cast.creator.delete(f"{cast.path}/team/{cast.other_talent.id}"),
        )
        # Given first, it is taken from her again; given second, it is refused.
        assert (given.status, removed.status) in {(201, 200), (400, 204)}
        later = await cast.creator.post(f"{cast.path}/tasks", assigneeId=cast.other_talent.id, **NEW_TASK)
        assert later.code == "ASSIGNEE_NOT_IN_TEAM"


async def test_of_many_who_complete_a_task_at_once_one_is_told_of(house: House, hub: str, cast: Cast) -> None:
    ann = await ear(house, hub, cast.creator)
    path = f"{cast.path}/tasks/{(await task_of(cast))['id']}"
    replies = await asyncio.gather(*(cast.talent.put(path, status="completed") for _ in range(4)))
    assert len({reply.body["completedAt"] for reply in replies}) == 1
    await cast.creator.delete(path)
    await ann.heard.next("task:deleted")
    assert len(ann.heard.all("task:status_changed")) == 1
