"""A place in a team: what it gives to strangers and takes from them, and leaving."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from core.chat import invitations
from core.limits.budget import Rate
from core.limits.shared_limits import SharedLimits
from marketplaces.onswift import rules
from tests.flow.api.conftest import Api, Caller, Reply
from tests.flow.conftest import Environment
from tests.flow.onswift.conftest import NEW_PROJECT, NOWHERE, People
from tests.flow.onswift.test_tasks import ear


async def notices(caller: Caller) -> list[tuple[str, str, str]]:
    page = (await caller.get("/notifications")).body["notifications"]
    return [(one["type"], one["message"], one["entityId"]) for one in page]


async def join_again(people: People) -> Reply:
    return await people.creator.post(f"{people.path}/team", userId=people.talent.id, role="Editor")


async def leave(people: People) -> None:
    assert (await people.talent.delete(f"{people.path}/team/me")).status == 204


async def test_a_stranger_joins_the_team_immediately_and_is_not_added_to_its_group(
    env: Environment, hub: str, people: People
) -> None:
    """As OnSwift's document has it: no consent is asked for the place itself."""
    bob = await ear(env, hub, people.talent)
    (project,) = (await people.talent.get("/projects")).body["projects"]
    assert (project["id"], project["teamMembers"][0]["id"]) == (people.project, people.talent.id)
    task = await people.creator.post(
        f"{people.path}/tasks", name="Cut", dueDate="2999-12-31", assigneeId=people.talent.id
    )
    assert task.status == 201
    await bob.heard.next("task:assigned")
    assert [name for name, _ in bob.heard.events if name.startswith(("conversation", "invitation"))] == []
    assert (await people.talent.get("/conversations")).body["conversations"] == []
    assert (await people.talent.get("/invitations")).body["invitations"] == []


async def test_who_leaves_is_out_of_the_team_and_its_conversation_on_every_hub(
    env: Environment, two_hubs: tuple[str, str], people: People
) -> None:
    room = (await people.talent.post(f"{people.path}/conversations")).body["id"]
    await people.creator.want("team_left")
    here, there = [await ear(env, hub, people.talent) for hub in two_hubs]
    ann_here, ann_there = [await ear(env, hub, people.creator) for hub in two_hubs]
    for one in (here, there, ann_here, ann_there):
        assert "error" not in await one.join(UUID(room))
    await leave(people)
    for one in (here, there):
        told = await one.heard.next("conversation:members")
        assert (told["conversationId"], told["userId"], told["isMember"]) == (room, people.talent.id, False)
        assert (await one.send(UUID(room), "still here"))["error"]["code"] == "NOT_A_MEMBER"
    for one in (ann_here, ann_there):
        assert (await one.heard.next("message:received"))["message"]["content"] == "Bob left"
        assert (await one.heard.next("notification:new"))["notification"]["type"] == "team_left"
    assert (await people.creator.get(people.path)).body["teamMembers"] == []
    assert (await people.talent.get(people.path)).code == "FORBIDDEN"
    assert (await people.talent.get("/projects")).body["projects"] == []
    assert (await people.talent.get(f"/conversations/{room}/messages")).code == "NOT_A_MEMBER"
    assert (await people.talent.post(f"{people.path}/conversations")).code == "FORBIDDEN"
    await people.creator.put(people.path, status="in-progress")
    assert [type for type, *_ in await notices(people.talent)] == []
    assert await notices(people.creator) == [("team_left", "Bob has left Film project", people.project)]


async def test_who_has_left_is_not_added_again_for_a_month(env: Environment, people: People) -> None:
    room = (await people.talent.post(f"{people.path}/conversations")).body["id"]
    await people.talent.post(f"/conversations/{room}/messages", content="Goodbye")
    await leave(people)
    refused = await join_again(people)
    assert (refused.status, refused.code) == (409, "HAS_LEFT_TEAM")
    assert (await people.creator.get(people.path)).body["teamMembers"] == []
    age = "update onswift.project_team set removed_at = removed_at - $1::interval"
    await env.resources.db.execute(age, rules.PAUSE_AFTER_LEAVING - timedelta(hours=1))
    assert (await join_again(people)).code == "HAS_LEFT_TEAM"
    await env.resources.db.execute(age, timedelta(hours=1))
    assert (await join_again(people)).status == 201
    assert (await people.talent.get(people.path)).status == 200
    assert (await people.talent.get(f"/conversations/{room}")).code == "NOT_A_MEMBER", (
        "into a group she left she is asked"
    )
    assert [one["conversationId"] for one in (await people.talent.get("/invitations")).body["invitations"]] == [room]
    assert (await people.creator.delete(f"{people.path}/team/{people.talent.id}")).status == 204
    assert (await join_again(people)).status == 201, "who was removed has not left"


async def test_of_a_leave_and_a_removal_at_once_one_counts(people: People) -> None:
    left, removed = await asyncio.gather(
        people.talent.delete(f"{people.path}/team/me"), people.creator.delete(f"{people.path}/team/{people.talent.id}")
    )
    assert sorted((left.status, removed.status)) == [204, 404]
    assert (await join_again(people)).status == (409 if left.status == 204 else 201)


async def test_only_who_is_in_a_team_leaves_it_and_once(people: People) -> None:
    assert (await people.other_talent.delete(f"{people.path}/team/me")).code == "NOT_IN_TEAM"
    assert (await people.other_talent.delete(f"/projects/{NOWHERE}/team/me")).code == "PROJECT_NOT_FOUND"
    assert (await people.creator.delete(f"{people.path}/team/me")).code == "FORBIDDEN"
    assert (await people.talent.delete(f"{people.path}/team/{people.talent.id}")).code == "FORBIDDEN", (
        "as the document has it"
    )
    await leave(people)
    assert (await people.talent.delete(f"{people.path}/team/me")).code == "NOT_IN_TEAM"


async def test_a_creator_puts_so_many_strangers_a_day_into_teams_and_groups_and_those_he_knows_besides(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = Rate("invitations", 3, 24 * 60 * 60)
    monkeypatch.setattr(invitations, "INVITATIONS", most)
    monkeypatch.setattr(SharedLimits, "rate_of", lambda _, rate, __: rate if rate is most else rate.times(1000))
    ann = await api.signed_up("creator")
    talents = [await api.signed_up("talent", f"T{number}") for number in range(6)]
    friend = talents[5]
    projects = [(await ann.post("/projects", **NEW_PROJECT)).body["id"] for _ in range(2)]

    async def add(talent: Caller, project: str = projects[0]) -> Reply:
        return await ann.post(f"/projects/{project}/team", userId=talent.id)

    assert (await add(talents[0])).status == 201
    assert (await add(talents[0])).code == "ALREADY_IN_TEAM", "which costs nothing"
    assert (await ann.post("/conversations/groups", title="x", participantIds=[talents[1].id])).status == 201
    assert (await add(talents[0], projects[1])).status == 201
    refused = await add(talents[2])
    assert (refused.status, refused.code) == (429, "RATE_LIMITED")
    assert int(refused.headers["Retry-After"]) > 3600
    assert [one["id"] for one in (await ann.get(f"/projects/{projects[0]}")).body["teamMembers"]] == [talents[0].id]
    asked = await ann.post("/conversations/groups", title="x", participantIds=[talents[2].id])
    assert asked.status == 429
    await friend.post("/conversations", participantId=ann.id)
    assert (await add(friend)).status == 201
    assert (await ann.post(f"/projects/{projects[0]}/conversations")).status == 201, "its people have been counted"
    assert len((await talents[0].get("/invitations")).body["invitations"]) == 1
    limited = env.resources.metrics.registry.get_sample_value("greenroom_limited_total", {"kind": "invitations"})
    assert limited == 2


async def test_putting_into_a_team_and_taking_out_is_paid_from_the_budget_of_messages(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    cost: list[float] = []
    take = SharedLimits.take

    async def noted(self: SharedLimits, demands: list[object]) -> object:
        cost.extend(one.cost for one in demands if one.rate.name == "messages")  # type: ignore[attr-defined]
        return await take(self, demands)  # type: ignore[arg-type]

    monkeypatch.setattr(SharedLimits, "take", noted)
    assert (await people.creator.delete(f"{people.path}/team/{people.talent.id}")).status == 204
    assert (await join_again(people)).status == 201
    await leave(people)
    assert cost == [1, 1, 1]
