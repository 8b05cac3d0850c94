"""Tasks: who gives, sees, changes and hears of them."""

import asyncio
from typing import Any

import pytest

from tests.flow.api.conftest import Caller
from tests.flow.conftest import Chatter, Environment
from tests.flow.onswift.conftest import NOWHERE, People

NEW_TASK = {"name": "Create storyboard", "dueDate": "2999-10-15"}


async def task_of(people: People, **more: Any) -> dict[str, Any]:
    created = await people.creator.post(f"{people.path}/tasks", **{"assigneeId": people.talent.id, **NEW_TASK, **more})
    assert created.status == 201, created
    body: dict[str, Any] = created.body
    return body


async def names(caller: Caller, path: str = "/tasks", **query: str | int) -> list[str]:
    return [one["name"] for one in (await caller.get(path, **query)).body["tasks"]]


async def add(people: People, who: Caller) -> None:
    assert (await people.creator.post(f"{people.path}/team", userId=who.id)).status == 201


async def ear(env: Environment, hub: str, caller: Caller) -> Chatter:
    """Return a caller's socket."""
    user, _ = await env.person("Nobody")
    chatter = Chatter(user, caller.access_token, hub)
    env.stack.push_async_callback(chatter.socket.disconnect)
    return await chatter.connect()


async def test_a_task_begins_in_planning_and_its_people_see_it_alike(people: People) -> None:
    task = await task_of(people, description="Design it")
    assert (task["status"], task["projectId"], task["completedAt"]) == ("planning", people.project, None)
    assert (task["assignee"]["id"], task["assignee"]["name"]) == (people.talent.id, "Bob")
    for caller in (people.creator, people.talent):
        assert (await caller.get(f"{people.path}/tasks/{task['id']}")).body == task
        assert (await caller.get(f"{people.path}/tasks")).body["tasks"] == [task]
    project = (await people.creator.get(people.path)).body
    assert (project["taskCount"], project["completedTaskCount"]) == (1, 0)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"), ({"name": "x" * 256}, "name"), ({"name": None}, "name"), ({"dueDate": "soon"}, "dueDate"),
        ({"assigneeId": "Bob"}, "assigneeId"), ({"description": "a\0b"}, "description"),
    ],
)  # fmt: skip
async def test_a_task_that_lacks_something_is_neither_made_nor_changed_so(
    people: People, change: Any, field: str
) -> None:
    task = await task_of(people)
    path = f"{people.path}/tasks"
    for refused in (
        await people.creator.post(path, **{"assigneeId": people.talent.id, **NEW_TASK, **change}),
        await people.creator.put(f"{path}/{task['id']}", **change),
    ):
        assert (refused.status, refused.code, refused.fields) == (400, "VALIDATION_ERROR", [field])
    assert (await people.creator.get(path)).body["tasks"] == [task]


async def test_a_task_may_be_due_in_the_past(people: People) -> None:
    assert (await task_of(people, dueDate="2020-02-29"))["dueDate"] == "2020-02-29"


async def test_only_who_is_in_the_team_is_assigned(people: People) -> None:
    task = await task_of(people)
    for id in (people.other_talent.id, people.creator.id, NOWHERE):
        for refused in (
            await people.creator.post(f"{people.path}/tasks", assigneeId=id, **NEW_TASK),
            await people.creator.put(f"{people.path}/tasks/{task['id']}", assigneeId=id),
        ):
            assert (refused.status, refused.code) == (400, "ASSIGNEE_NOT_IN_TEAM")


async def test_only_the_creator_of_the_project_makes_and_deletes_tasks(people: People) -> None:
    task = await task_of(people)
    for caller in (people.talent, *people.strangers):
        assert (await caller.post(f"{people.path}/tasks", assigneeId=people.talent.id, **NEW_TASK)).status == 403
        assert (await caller.delete(f"{people.path}/tasks/{task['id']}")).status == 403
    for caller in people.strangers:
        assert (await caller.get(f"{people.path}/tasks")).status == 403
        assert (await caller.get(f"{people.path}/tasks/{task['id']}")).status == 403
        assert (await caller.put(f"{people.path}/tasks/{task['id']}", status="completed")).status == 403
        assert await names(caller) == []


async def test_a_task_is_found_in_its_own_project_only(people: People, new_project: Any) -> None:
    task = await task_of(people)
    elsewhere = f"/projects/{await new_project(people.creator)}/tasks/{task['id']}"
    for reply in (
        await people.creator.get(elsewhere),
        await people.creator.put(elsewhere, name="Mine"),
        await people.creator.delete(elsewhere),
        await people.creator.get(f"{people.path}/tasks/{NOWHERE}"),
    ):
        assert (reply.status, reply.code) == (404, "TASK_NOT_FOUND")
    assert (await people.creator.get(f"/projects/{NOWHERE}/tasks")).code == "PROJECT_NOT_FOUND"


async def test_an_assignee_changes_the_status_and_nothing_else(people: People) -> None:
    task = await task_of(people)
    path = f"{people.path}/tasks/{task['id']}"
    for body in ({"name": "Mine"}, {"status": "completed", "dueDate": "2999-12-31"}, {"assigneeId": people.talent.id}):
        assert (await people.talent.put(path, **body)).status == 403
    assert (await people.talent.get(path)).body == task
    moved = await people.talent.put(path, status="in-progress")
    assert moved.body == task | {"status": "in-progress", "updatedAt": moved.body["updatedAt"]}


async def test_a_colleague_sees_a_task_but_does_not_move_it(people: People) -> None:
    task = await task_of(people)
    await add(people, people.other_talent)
    path = f"{people.path}/tasks/{task['id']}"
    assert (await people.other_talent.get(path)).status == 200
    assert (await people.other_talent.put(path, status="completed")).status == 403


async def test_the_work_goes_forward_and_only_the_creator_sends_it_back(people: People) -> None:
    path = f"{people.path}/tasks/{(await task_of(people))['id']}"
    done = (await people.talent.put(path, status="completed")).body
    assert done["completedAt"]
    assert (await people.talent.put(path, status="completed")).body == done, "staying is no change"
    for back in ("in-progress", "planning"):
        assert (await people.talent.put(path, status=back)).status == 403
    assert (await people.creator.get(people.path)).body["completedTaskCount"] == 1
    assert (await people.creator.put(path, name="Again")).body["completedAt"] == done["completedAt"]
    assert (await people.creator.put(path, status="planning")).body["completedAt"] is None
    assert (await people.creator.put(path, status="shelved")).fields == ["status"]


async def test_a_change_by_the_creator_leaves_what_it_does_not_name(people: People) -> None:
    task = await task_of(people, description="Design it")
    changed = (await people.creator.put(f"{people.path}/tasks/{task['id']}", dueDate="2999-11-01")).body
    assert changed == task | {"dueDate": "2999-11-01", "updatedAt": changed["updatedAt"]}
    assert changed["updatedAt"] > task["updatedAt"]


async def test_the_assignee_is_notified_of_a_task_and_again_when_it_is_reassigned(
    env: Environment, hub: str, people: People
) -> None:
    await add(people, people.other_talent)
    bob, dan = await ear(env, hub, people.talent), await ear(env, hub, people.other_talent)
    task = await task_of(people)
    assert (await bob.heard.next("task:assigned"))["task"] == task
    path = f"{people.path}/tasks/{task['id']}"
    await people.creator.put(path, assigneeId=people.other_talent.id)
    assert (await dan.heard.next("task:assigned"))["assignedBy"]["id"] == people.creator.id
    await people.creator.put(path, assigneeId=people.talent.id)
    await bob.heard.next("task:assigned")
    await people.creator.put(path, assigneeId=people.talent.id, name="Create storyboard")
    notices = (await people.talent.get("/notifications")).body["notifications"]
    assert [(one["type"], one["title"], one["entityType"], one["entityId"]) for one in notices] == [
        ("task_assigned", "New Task Assigned", "task", task["id"])
    ] * 2
    assert notices[0]["message"] == "You've been assigned to 'Create storyboard' in Film project"
    assert len(bob.heard.all("task:assigned")) == 2, "not when nothing changes"


async def test_creator_and_team_hear_what_happens_to_tasks(env: Environment, hub: str, people: People) -> None:
    ann, bob = await ear(env, hub, people.creator), await ear(env, hub, people.talent)
    stranger = await ear(env, hub, people.other_talent)
    task = await task_of(people)
    path = f"{people.path}/tasks/{task['id']}"
    await people.talent.put(path, status="completed")
    changed = (await people.creator.put(path, name="Storyboard")).body
    await people.creator.delete(path)
    for one in (ann, bob):
        assert (await one.heard.next("task:created"))["task"] == task
        told = await one.heard.next("task:status_changed")
        assert (told["taskId"], told["projectId"], told["status"]) == (task["id"], people.project, "completed")
        assert told["updatedBy"]["id"] == people.talent.id
        assert (await one.heard.next("task:updated"))["task"] == changed
        assert await one.heard.next("task:deleted") == {"taskId": task["id"], "projectId": people.project}
    assert [name for name, _ in stranger.heard.events] == []


async def test_a_deleted_task_is_gone(people: People) -> None:
    path = f"{people.path}/tasks/{(await task_of(people))['id']}"
    assert (await people.creator.delete(path)).status == 204
    assert (await people.creator.get(path)).code == "TASK_NOT_FOUND"
    assert (await people.creator.delete(path)).code == "TASK_NOT_FOUND"
    assert (await people.creator.get(people.path)).body["taskCount"] == 0


async def test_tasks_of_all_projects_are_filtered_sorted_and_paged(people: People, new_project: Any) -> None:
    second = await new_project(people.creator)
    await add(people, people.other_talent)
    await people.creator.post(f"/projects/{second}/team", userId=people.talent.id)
    await task_of(people, name="b", dueDate="2999-01-03")
    done = await task_of(people, name="C", dueDate="2999-01-02")
    await task_of(people, name="a", dueDate="2999-01-01", assigneeId=people.other_talent.id)
    body = {**NEW_TASK, "name": "d", "assigneeId": people.talent.id, "dueDate": "2999-01-04"}
    await people.creator.post(f"/projects/{second}/tasks", **body)
    await people.creator.put(f"{people.path}/tasks/{done['id']}", status="completed")
    assert await names(people.creator) == ["a", "C", "b", "d"]
    assert await names(people.creator, sort="-dueDate") == ["d", "b", "C", "a"]
    assert await names(people.creator, sort="name") == ["a", "b", "C", "d"]
    assert await names(people.creator, sort="-createdAt") == ["d", "a", "C", "b"]
    assert await names(people.creator, sort="-status") == ["C", "a", "b", "d"]
    assert await names(people.talent) == ["C", "b", "d"], "only her own"
    assert await names(people.talent, assigneeId=people.other_talent.id) == []
    assert await names(people.creator, assigneeId=people.other_talent.id) == ["a"]
    assert await names(people.creator, projectId=second) == ["d"]
    assert await names(people.creator, status="completed") == ["C"]
    page = (await people.creator.get("/tasks", sort="name", limit=3, page=2)).body
    assert ([one["name"] for one in page["tasks"]], page["pagination"]["total"]) == (["d"], 4)
    assert await names(people.creator, f"{people.path}/tasks", status="planning") == ["a", "b"]
    assert await names(people.talent, f"{people.path}/tasks", assigneeId=people.other_talent.id) == ["a"], "the team's"


@pytest.mark.parametrize("query", [{"sort": "id"}, {"sort": "--name"}, {"status": "active"}, {"limit": 101}])
async def test_what_a_list_does_not_know_is_refused(people: People, query: dict[str, Any]) -> None:
    refused = await people.creator.get("/tasks", **query)
    assert (refused.status, refused.fields) == (400, list(query))


async def test_open_tasks_of_who_is_removed_are_nobodys_and_named(env: Environment, hub: str, people: People) -> None:
    ann = await ear(env, hub, people.creator)
    task, done = await task_of(people), await task_of(people)
    path = f"{people.path}/tasks/{task['id']}"
    await people.talent.put(f"{people.path}/tasks/{done['id']}", status="completed")
    removed = await people.creator.delete(f"{people.path}/team/{people.talent.id}")
    assert (removed.status, removed.body) == (200, {"unassignedTasks": [{"id": task["id"], "name": task["name"]}]})
    updated = (await ann.heard.next("task:updated"))["task"]
    assert (updated["id"], updated["assignee"]) == (task["id"], None)
    assert (await people.talent.put(path, status="completed")).status == 403
    assert (await people.talent.get(path)).status == 403
    assert await names(people.talent) == []
    assert (await people.creator.get(path)).body["assignee"] is None
    assert (await people.creator.get(f"{people.path}/tasks/{done['id']}")).body["assignee"] == task["assignee"]
    assert sorted(await names(people.creator)) == sorted([task["name"], done["name"]])
    assert (await people.creator.put(path, name="Kept")).body["assignee"] is None
    await add(people, people.other_talent)
    given = await people.creator.put(path, assigneeId=people.other_talent.id)
    assert given.body["assignee"]["id"] == people.other_talent.id
    assert (await people.creator.get("/calendar", **{"from": task["dueDate"], "to": task["dueDate"]})).status == 200


async def test_who_had_no_open_task_is_removed_without_an_answer(people: People) -> None:
    assert (await people.creator.delete(f"{people.path}/team/{people.talent.id}")).status == 204


async def test_tasks_of_a_deleted_project_are_in_no_list(people: People) -> None:
    task = await task_of(people)
    await people.creator.delete(people.path)
    for caller in (people.creator, people.talent):
        assert await names(caller) == []
        assert (await caller.get(f"{people.path}/tasks/{task['id']}")).code == "PROJECT_NOT_FOUND"


async def test_nobody_is_assigned_and_removed_at_once(people: People) -> None:
    for _ in range(5):
        await add(people, people.other_talent)
        given, removed = await asyncio.gather(
            people.creator.post(f"{people.path}/tasks", assigneeId=people.other_talent.id, **NEW_TASK),
            people.creator.delete(f"{people.path}/team/{people.other_talent.id}"),
        )
        # Given first, it is taken from her again; given second, it is refused.
        assert (given.status, removed.status) in {(201, 200), (400, 204)}
        later = await people.creator.post(f"{people.path}/tasks", assigneeId=people.other_talent.id, **NEW_TASK)
        assert later.code == "ASSIGNEE_NOT_IN_TEAM"


async def test_of_many_who_complete_a_task_at_once_one_is_told_of(env: Environment, hub: str, people: People) -> None:
    ann = await ear(env, hub, people.creator)
    path = f"{people.path}/tasks/{(await task_of(people))['id']}"
    replies = await asyncio.gather(*(people.talent.put(path, status="completed") for _ in range(4)))
    assert len({reply.body["completedAt"] for reply in replies}) == 1
    await people.creator.delete(path)
    await ann.heard.next("task:deleted")
    assert len(ann.heard.all("task:status_changed")) == 1
