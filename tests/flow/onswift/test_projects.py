"""Projects and their teams."""

import asyncio
from dataclasses import replace

import pytest

from core.base import clock
from tests.flow.api.conftest import Api, Caller
from tests.flow.conftest import MARKETS, Chatter, Environment
from tests.flow.onswift.conftest import NEW_PROJECT, NOWHERE, People
from tests.flow.onswift.test_tasks import ear
from tests.policies import with_policy


async def test_a_project_begins_in_planning_without_tasks_and_team(api: Api) -> None:
    ann = await api.signed_up("creator")
    created = await ann.post("/projects", **NEW_PROJECT)
    assert created.status == 201
    assert (created.body["status"], created.body["creatorId"], created.body["teamMembers"]) == ("planning", ann.id, [])
    assert (created.body["taskCount"], created.body["completedTaskCount"]) == (0, 0)
    assert (await ann.get(f"/projects/{created.body['id']}")).body == created.body


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"), ({"name": "x" * 256}, "name"), ({"name": "a\0b"}, "name"), ({"name": None}, "name"),
        ({"description": ""}, "description"), ({"dueDate": "2020-01-01"}, "dueDate"), ({"dueDate": "soon"}, "dueDate"),
    ],
)  # fmt: skip
async def test_a_project_that_lacks_something_is_not_made(api: Api, change: dict[str, str], field: str) -> None:
    ann = await api.signed_up("creator")
    refused = await ann.post("/projects", **NEW_PROJECT | change)
    assert (refused.status, refused.code, refused.fields) == (400, "VALIDATION_ERROR", [field])
    assert (await ann.get("/projects")).body["projects"] == []


async def test_a_role_that_may_not_create_one_learns_which_may(api: Api) -> None:
    bob = await api.signed_up("talent")
    refused = await bob.post("/projects", **NEW_PROJECT)
    assert (refused.status, refused.body["error"]["message"]) == (403, "Only creators can do this")


async def test_today_is_too_late_for_a_due_date(api: Api) -> None:
    ann = await api.signed_up("creator")
    assert (await ann.post("/projects", **NEW_PROJECT | {"dueDate": clock.today().isoformat()})).status == 400


async def test_creators_list_what_they_own_and_talents_what_they_work_on(people: People) -> None:
    for caller in (people.creator, people.talent):
        page = (await caller.get("/projects")).body
        assert [one["id"] for one in page["projects"]] == [people.project]
        assert [one["name"] for one in page["projects"][0]["teamMembers"]] == ["Bob"]
        assert page["pagination"]["total"] == 1
    for caller in people.strangers:
        assert (await caller.get("/projects")).body["projects"] == []


async def test_lists_are_filtered_by_status_and_paged_from_the_latest(api: Api) -> None:
    ann = await api.signed_up("creator")
    ids = [(await ann.post("/projects", **NEW_PROJECT)).body["id"] for _ in range(3)]
    await ann.put(f"/projects/{ids[0]}", status="in-progress")
    planned = (await ann.get("/projects", status="planning", limit=1)).body
    assert [one["id"] for one in planned["projects"]] == [ids[2]]
    assert planned["pagination"] == {
        "page": 1, "limit": 1, "total": 2, "totalPages": 2, "hasNext": True, "hasPrev": False,
        "nextCursor": planned["pagination"]["nextCursor"],
    }  # fmt: skip
    unknown = await ann.get("/projects", status="active")
    assert (unknown.status, unknown.fields) == (400, ["status"])


async def test_a_change_leaves_what_it_does_not_name(people: People) -> None:
    before = (await people.creator.get(people.path)).body
    changed = await people.creator.put(people.path, name="Short film")
    assert changed.status == 200
    assert changed.body == before | {"name": "Short film", "updatedAt": changed.body["updatedAt"]}
    assert changed.body["updatedAt"] > before["updatedAt"]


async def test_a_completed_project_says_since_when_until_it_is_reopened(people: People) -> None:
    completed = (await people.creator.put(people.path, status="completed")).body
    assert completed["completedAt"]
    again = (await people.creator.put(people.path, status="completed", name="Done")).body
    assert again["completedAt"] == completed["completedAt"]
    assert (await people.creator.put(people.path, status="in-progress")).body["completedAt"] is None


async def test_the_team_is_notified_of_a_new_status(env: Environment, people: People, hub: str) -> None:
    await people.creator.put(people.path, status="in-progress")
    (notice,) = (await people.talent.get("/notifications")).body["notifications"]
    assert (notice["type"], notice["entityType"], notice["entityId"]) == (
        "project_status_changed", "project", people.project,
    )  # fmt: skip
    assert notice["message"] == "Film is now in-progress"
    await people.creator.put(people.path, status="in-progress")
    assert (await people.talent.get("/notifications")).body["pagination"]["total"] == 1, "it did not change"
    assert (await people.creator.get("/notifications")).body["pagination"]["total"] == 0, "she did it herself"


async def test_a_deleted_project_is_gone_for_everybody(people: People) -> None:
    assert (await people.creator.delete(people.path)).status == 204
    for caller in (people.creator, people.talent):
        assert (await caller.get(people.path)).code == "PROJECT_NOT_FOUND"
        assert (await caller.get("/projects")).body["projects"] == []
    assert (await people.creator.delete(people.path)).status == 404


async def test_strangers_see_and_change_nothing(people: People) -> None:
    for caller in people.strangers:
        assert (await caller.get(people.path)).status == 403
        assert (await caller.put(people.path, name="Mine")).status == 403
        assert (await caller.delete(people.path)).status == 403
        assert (await caller.post(f"{people.path}/team", userId=people.other_talent.id)).status == 403
    assert (await people.talent.put(people.path, name="Mine")).status == 403
    assert (await people.creator.get("/projects/" + NOWHERE)).status == 404


async def test_only_a_talent_joins_a_team_and_once(people: People) -> None:
    add = f"{people.path}/team"
    assert (await people.creator.post(add, userId=people.other_creator.id)).code == "USER_NOT_TALENT"
    assert (await people.creator.post(add, userId=NOWHERE)).code == "USER_NOT_FOUND"
    assert (await people.creator.post(add, userId=people.talent.id)).code == "ALREADY_IN_TEAM"
    replies = await asyncio.gather(*(people.creator.post(add, userId=people.other_talent.id) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [201, 400, 400, 400]


async def test_who_is_removed_sees_the_project_no_more_and_can_come_back_to_the_same_place(people: People) -> None:
    async def add(who: Caller) -> str:
        id: str = (await people.creator.post(f"{people.path}/team", userId=who.id, role="Designer")).body["id"]
        return id

    first = await add(people.other_talent)
    assert (await people.creator.delete(f"{people.path}/team/{people.other_talent.id}")).status == 204
    assert (await people.other_talent.get(people.path)).status == 403
    assert (await people.creator.delete(f"{people.path}/team/{people.other_talent.id}")).code == "NOT_IN_TEAM"
    assert await add(people.other_talent) == first
    assert (await people.other_talent.get(people.path)).status == 200


async def test_who_works_on_a_project_may_join_its_room_and_nobody_else(
    env: Environment, hub: str, people: People
) -> None:
    for caller in (people.creator, people.talent):
        assert await (await ear(env, hub, caller)).call("join:project", projectId=people.project) == {
            "projectId": people.project
        }
    stranger = await ear(env, hub, people.other_talent)
    refusals = {people.project: "FORBIDDEN", NOWHERE: "PROJECT_NOT_FOUND", "mine": "VALIDATION_ERROR"}
    for project, code in refusals.items():
        assert (await stranger.call("join:project", projectId=project))["error"]["code"] == code


async def test_an_event_of_one_market_is_unknown_in_another(env: Environment, people: People) -> None:
    hub = await env.hub(markets=[*MARKETS, replace(with_policy(MARKETS[0], name="other"), events=())])
    user, _ = await env.person("Zoe")
    await env.resources.db.execute("update users set market = 'other' where id = $1", user.id)
    zoe = Chatter(user, env.token(replace(user, market="other")), hub)
    env.stack.push_async_callback(zoe.socket.disconnect)
    await zoe.connect()
    assert (await zoe.call("join:project", projectId=people.project))["error"]["code"] == "UNKNOWN_EVENT"
