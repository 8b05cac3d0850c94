"""Projects and their teams."""

import asyncio
from dataclasses import replace

import pytest

from core.base import clock
from tests.flow.api.conftest import Api, Caller
from tests.flow.conftest import MARKETS, Chatter, House
from tests.flow.onswift.conftest import NEW_PROJECT, NOWHERE, Cast
from tests.flow.onswift.test_tasks import ear


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


async def test_who_may_not_make_one_is_told_who_may(api: Api) -> None:
    bob = await api.signed_up("talent")
    refused = await bob.post("/projects", **NEW_PROJECT)
    assert (refused.status, refused.body["error"]["message"]) == (403, "Only creators can do this")


async def test_today_is_too_late_for_a_due_date(api: Api) -> None:
    ann = await api.signed_up("creator")
    assert (await ann.post("/projects", **NEW_PROJECT | {"dueDate": clock.today().isoformat()})).status == 400


async def test_creators_list_what_they_own_and_talents_what_they_work_on(cast: Cast) -> None:
    for caller in (cast.creator, cast.talent):
        page = (await caller.get("/projects")).body
        assert [one["id"] for one in page["projects"]] == [cast.project]
        assert [one["name"] for one in page["projects"][0]["teamMembers"]] == ["Bob"]
        assert page["pagination"]["total"] == 1
    for caller in cast.strangers:
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


async def test_a_change_leaves_what_it_does_not_name(cast: Cast) -> None:
    before = (await cast.creator.get(cast.path)).body
    changed = await cast.creator.put(cast.path, name="Short film")
    assert changed.status == 200
    assert changed.body == before | {"name": "Short film", "updatedAt": changed.body["updatedAt"]}
    assert changed.body["updatedAt"] > before["updatedAt"]


async def test_a_completed_project_says_since_when_until_it_is_reopened(cast: Cast) -> None:
    completed = (await cast.creator.put(cast.path, status="completed")).body
    assert completed["completedAt"]
    again = (await cast.creator.put(cast.path, status="completed", name="Done")).body
    assert again["completedAt"] == completed["completedAt"]
    assert (await cast.creator.put(cast.path, status="in-progress")).body["completedAt"] is None


async def test_the_team_is_told_of_a_new_status(house: House, cast: Cast, hub: str) -> None:
    await cast.creator.put(cast.path, status="in-progress")
    (notice,) = (await cast.talent.get("/notifications")).body["notifications"]
    assert (notice["type"], notice["entityType"], notice["entityId"]) == (
        "project_status_changed", "project", cast.project,
    )  # fmt: skip
    assert notice["message"] == "Film is now in-progress"
    await cast.creator.put(cast.path, status="in-progress")
    assert (await cast.talent.get("/notifications")).body["pagination"]["total"] == 1, "it did not change"
    assert (await cast.creator.get("/notifications")).body["pagination"]["total"] == 0, "she did it herself"


async def test_a_deleted_project_is_gone_for_everybody(cast: Cast) -> None:
    assert (await cast.creator.delete(cast.path)).status == 204
    for caller in (cast.creator, cast.talent):
        assert (await caller.get(cast.path)).code == "PROJECT_NOT_FOUND"
        assert (await caller.get("/projects")).body["projects"] == []
    assert (await cast.creator.delete(cast.path)).status == 404


async def test_strangers_see_and_change_nothing(cast: Cast) -> None:
    for caller in cast.strangers:
        assert (await caller.get(cast.path)).status == 403
        assert (await caller.put(cast.path, name="Mine")).status == 403
        assert (await caller.delete(cast.path)).status == 403
        assert (await caller.post(f"{cast.path}/team", userId=cast.other_talent.id)).status == 403
    assert (await cast.talent.put(cast.path, name="Mine")).status == 403
    assert (await cast.creator.get("/projects/" + NOWHERE)).status == 404


async def test_only_a_talent_joins_a_team_and_once(cast: Cast) -> None:
    add = f"{cast.path}/team"
    assert (await cast.creator.post(add, userId=cast.other_creator.id)).code == "USER_NOT_TALENT"
    assert (await cast.creator.post(add, userId=NOWHERE)).code == "USER_NOT_FOUND"
    assert (await cast.creator.post(add, userId=cast.talent.id)).code == "ALREADY_IN_TEAM"
    replies = await asyncio.gather(*(cast.creator.post(add, userId=cast.other_talent.id) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [201, 400, 400, 400]


async def test_who_is_removed_sees_the_project_no_more_and_can_come_back_to_the_same_place(cast: Cast) -> None:
    async def add(who: Caller) -> str:
        id: str = (await cast.creator.post(f"{cast.path}/team", userId=who.id, role="Designer")).body["id"]
        return id

    first = await add(cast.other_talent)
    assert (await cast.creator.delete(f"{cast.path}/team/{cast.other_talent.id}")).status == 204
    assert (await cast.other_talent.get(cast.path)).status == 403
    assert (await cast.creator.delete(f"{cast.path}/team/{cast.other_talent.id}")).code == "NOT_IN_TEAM"
    assert await add(cast.other_talent) == first
    assert (await cast.other_talent.get(cast.path)).status == 200


async def test_who_works_on_a_project_may_join_its_room_and_nobody_else(house: House, hub: str, cast: Cast) -> None:
    for caller in (cast.creator, cast.talent):
        assert await (await ear(house, hub, caller)).call("join:project", projectId=cast.project) == {
            "projectId": cast.project
        }
    stranger = await ear(house, hub, cast.other_talent)
    refusals = {cast.project: "FORBIDDEN", NOWHERE: "PROJECT_NOT_FOUND", "mine": "VALIDATION_ERROR"}
    for project, code in refusals.items():
        assert (await stranger.call("join:project", projectId=project))["error"]["code"] == code


async def test_an_event_of_one_market_is_unknown_in_another(house: House, cast: Cast) -> None:
    hub = await house.hub(markets=[*MARKETS, replace(MARKETS[0], name="other", events=())])
    user, _ = await house.person("Zoe")
    await house.resources.db.execute("update users set market = 'other' where id = $1", user.id)
    zoe = Chatter(user, house.token(replace(user, market="other")), hub)
    house.stack.push_async_callback(zoe.socket.disconnect)
    await zoe.connect()
    assert (await zoe.call("join:project", projectId=cast.project))["error"]["code"] == "UNKNOWN_EVENT"
