"""The conversation of a project: nobody is in it but the people of the project, and strangers are not put into it."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from tests.flow.api.conftest import Caller
from tests.flow.conftest import PATIENCE, Environment
from tests.flow.onswift.conftest import NOWHERE, People
from tests.flow.onswift.test_tasks import add, ear


async def group(people: People) -> str:
    """Return the conversation, in which the creator and the talent are."""
    id: str = (await people.talent.post(f"{people.path}/conversations")).body["id"]
    return id


async def invited(caller: Caller, conversation: str) -> set[str]:
    """Return who is asked to come in."""
    page = (await caller.get(f"/conversations/{conversation}/invitations")).body
    return {one["user"]["id"] for one in page["invitations"]}


async def be_known(people: People) -> None:
    """Have the talent answer the creator, who knows her from then on."""
    id = (await people.creator.post("/conversations", participantId=people.talent.id)).body["id"]
    assert (await people.talent.post(f"/conversations/{id}/messages", content="Hello")).status == 201


async def members_of(caller: Caller, conversation: str) -> set[str]:
    return {one["id"] for one in (await caller.get(f"/conversations/{conversation}")).body["members"]}


async def said(caller: Caller, conversation: str) -> list[str]:
    page = (await caller.get(f"/conversations/{conversation}/messages")).body
    return [one["content"] for one in page["messages"]]


async def test_the_first_call_makes_the_conversation_and_the_others_get_it(people: People) -> None:
    first = await people.talent.post(f"{people.path}/conversations")
    assert (first.status, first.body["kind"], first.body["title"]) == (201, "group", "Film")
    assert first.body["projectId"] == people.project
    assert {one["id"]: one["role"] for one in first.body["members"]} == {
        people.creator.id: "owner",
        people.talent.id: "member",
    }
    again = await people.creator.post(f"{people.path}/conversations")
    assert (again.status, again.body["id"]) == (200, first.body["id"])


async def test_of_many_who_make_it_at_once_all_get_the_same_one(people: People) -> None:
    replies = await asyncio.gather(
        *(one.post(f"{people.path}/conversations") for one in (people.creator, people.talent) * 3)
    )
    assert sorted(reply.status for reply in replies) == [200] * 5 + [201]
    assert len({reply.body["id"] for reply in replies}) == 1
    assert await members_of(people.creator, replies[0].body["id"]) == {people.creator.id, people.talent.id}


async def test_a_stranger_of_the_team_is_asked_when_it_is_made_and_comes_in_when_she_accepts(people: People) -> None:
    made = (await people.creator.post(f"{people.path}/conversations")).body
    assert [one["id"] for one in made["members"]] == [people.creator.id]
    assert await invited(people.creator, made["id"]) == {people.talent.id}
    assert (await people.talent.get(f"/conversations/{made['id']}/messages")).code == "NOT_A_MEMBER"
    (invitation,) = (await people.talent.get("/invitations")).body["invitations"]
    assert (invitation["title"], invitation["invitedBy"]["name"]) == ("Film", "Ann")
    assert (await people.talent.get(people.path)).status == 200, "in the team she is at once"
    assert (await people.talent.post(f"/invitations/{invitation['id']}/accept")).status == 200
    assert await said(people.talent, made["id"]) == ["Bob joined"]


async def test_whom_the_creator_knows_is_in_it_when_it_is_made(people: People) -> None:
    await be_known(people)
    made = (await people.creator.post(f"{people.path}/conversations")).body
    assert {one["id"] for one in made["members"]} == {people.creator.id, people.talent.id}
    assert await invited(people.creator, made["id"]) == set()


async def test_who_is_in_the_team_comes_in_by_herself_also_after_she_has_declined(people: People) -> None:
    id = (await people.creator.post(f"{people.path}/conversations")).body["id"]
    (invitation,) = (await people.talent.get("/invitations")).body["invitations"]
    assert (await people.talent.post(f"/invitations/{invitation['id']}/decline")).status == 204
    await people.creator.post(f"{people.path}/conversations")
    assert await members_of(people.creator, id) == {people.creator.id}, "asked again by nobody"
    assert await invited(people.creator, id) == set()
    replies = await asyncio.gather(*(people.talent.post(f"{people.path}/conversations") for _ in range(3)))
    assert {(reply.status, reply.body["id"]) for reply in replies} == {(200, id)}
    assert await said(people.talent, id) == ["Bob joined"]


async def test_an_open_invitation_is_answered_by_coming_in(people: People) -> None:
    id = (await people.creator.post(f"{people.path}/conversations")).body["id"]
    assert (await people.talent.post(f"{people.path}/conversations")).body["id"] == id
    assert (await people.talent.get("/invitations")).body["invitations"] == []


async def test_an_invitation_ends_with_the_place_in_the_team(people: People) -> None:
    id = (await people.creator.post(f"{people.path}/conversations")).body["id"]
    (invitation,) = (await people.talent.get("/invitations")).body["invitations"]
    assert (await people.creator.delete(f"{people.path}/team/{people.talent.id}")).status == 204
    assert (await people.talent.post(f"/invitations/{invitation['id']}/accept")).code == "INVITATION_NOT_FOUND"
    assert (await people.talent.post(f"{people.path}/conversations")).code == "FORBIDDEN"
    assert await members_of(people.creator, id) == {people.creator.id}


async def test_strangers_neither_make_nor_enter_it(people: People) -> None:
    id = await group(people)
    for caller in people.strangers:
        assert (await caller.post(f"{people.path}/conversations")).status == 403
        assert (await caller.get(f"/conversations/{id}")).code == "NOT_A_MEMBER"
    assert (await people.creator.post(f"/projects/{NOWHERE}/conversations")).code == "PROJECT_NOT_FOUND"


async def test_who_joins_the_team_is_asked_into_the_conversation_and_who_is_removed_is_out_of_it_at_once(
    env: Environment, hub: str, people: People
) -> None:
    id = await group(people)
    dan = await ear(env, hub, people.other_talent)
    await add(people, people.other_talent)
    assert (await dan.heard.next("invitation:received"))["invitation"]["conversationId"] == id
    await people.other_talent.accept_all()
    assert (await dan.heard.next("conversation:members"))["isMember"] is True
    assert await members_of(people.creator, id) == {people.creator.id, people.talent.id, people.other_talent.id}
    await dan.call("join:conversation", conversationId=id)
    assert "error" not in await dan.call("message:send", conversationId=id, content="hello")
    await people.creator.delete(f"{people.path}/team/{people.other_talent.id}")
    assert (await dan.heard.next("conversation:members"))["isMember"] is False
    assert (await dan.call("message:send", conversationId=id, content="still here"))["error"]["code"] == "NOT_A_MEMBER"
    assert (await people.other_talent.get(f"/conversations/{id}/messages")).status == 403
    assert await members_of(people.creator, id) == {people.creator.id, people.talent.id}
    assert await said(people.creator, id) == ["Dan joined", "hello", "Ann removed Dan"]


async def test_whom_the_creator_knows_joins_the_conversation_with_the_team(people: People) -> None:
    id = await group(people)
    await be_known(people)
    assert (await people.creator.delete(f"{people.path}/team/{people.talent.id}")).status == 204
    await add(people, people.talent)
    assert await said(people.talent, id) == ["Ann removed Bob", "Ann added Bob"]


async def test_one_leaves_it_and_stays_in_the_team_and_comes_back_by_oneself(people: People) -> None:
    id = await group(people)
    await be_known(people)
    for caller in (people.talent, people.creator):
        assert (await caller.delete(f"/conversations/{id}/members/{caller.id}")).status == 204
        assert (await caller.get(f"/conversations/{id}")).code == "NOT_A_MEMBER"
        assert (await caller.get(people.path)).body["teamMembers"][0]["id"] == people.talent.id
    assert (await people.creator.post(f"{people.path}/conversations")).body["id"] == id
    assert await members_of(people.creator, id) == {people.creator.id}
    assert (await people.talent.post(f"{people.path}/conversations")).body["id"] == id
    assert await said(people.talent, id) == ["Bob left", "Ann left", "Ann joined", "Bob joined"]


async def test_nobody_adds_or_removes_but_by_the_team(people: People) -> None:
    id = await group(people)
    tries: list[Any] = [
        people.creator.post(f"/conversations/{id}/members", userIds=[people.other_talent.id]),
        people.creator.delete(f"/conversations/{id}/members/{people.talent.id}"),
        people.talent.delete(f"/conversations/{id}/members/{people.creator.id}"),
    ]
    for refused in await asyncio.gather(*tries):
        assert (refused.status, refused.code) == (403, "FORBIDDEN")
        assert refused.body["error"]["message"] == "The members of this conversation are those of its project"
    assert await members_of(people.creator, id) == {people.creator.id, people.talent.id}


async def test_it_is_called_as_its_project_is(people: People) -> None:
    id = await group(people)
    await people.creator.put(people.path, name="Short film")
    assert (await people.talent.get(f"/conversations/{id}")).body["title"] == "Short film"


async def test_it_is_closed_and_can_be_read_when_the_project_is_deleted(
    env: Environment, two_hubs: tuple[str, str], people: People
) -> None:
    id = await group(people)
    path = f"/conversations/{id}"
    sent = (await people.creator.post(f"{path}/messages", content="hello", clientId="one")).body["id"]
    ears = [await ear(env, url, people.talent) for url in two_hubs]
    for one in ears:
        assert (await one.join(UUID(id)))["closedAt"] is None
        await one.call("conversation:typing", conversationId=id, isTyping=True)
    await people.creator.delete(people.path)
    for one in ears:
        closed = await one.heard.next("conversation:closed")
        assert closed["conversationId"] == id
        assert (await one.send(UUID(id), "Still here?"))["error"]["code"] == "CONVERSATION_CLOSED"
        about = {"conversationId": id, "messageId": sent}
        assert (await one.call("message:react", **about, emoji="🎉"))["error"]["code"] == "CONVERSATION_CLOSED"
        async with asyncio.timeout(PATIENCE):
            while not (answer := await one.join(UUID(id), limit=1))["closedAt"]:
                pass
        assert answer["messages"][0]["kind"] == "system"
        typed = await one.call("conversation:typing", conversationId=id, isTyping=True)
        assert typed["error"]["code"] == "CONVERSATION_CLOSED"
    for content in ("hi", "hello"):
        refused = await people.creator.post(f"{path}/messages", content=content)
        assert (refused.status, refused.code) == (409, "CONVERSATION_CLOSED")
    assert (await people.creator.put(f"{path}/messages/{sent}", content="hi")).code == "CONVERSATION_CLOSED"
    assert (await people.creator.post(f"{path}/messages", content="hello", clientId="one")).body["id"] == sent, (
        "a repeat"
    )
    assert await said(people.talent, id) == ["hello", "Ann deleted the project"]
    assert (await people.talent.get(path)).body["closedAt"] == closed["closedAt"]
    assert (await people.creator.delete(f"{path}/messages/{sent}")).status == 204, "what one said one may take back"
    assert (await people.creator.post(f"{people.path}/conversations")).code == "PROJECT_NOT_FOUND"


@pytest.mark.parametrize("comes", [True, False])
async def test_making_it_while_the_team_changes_leaves_nobody_out_and_nobody_else_in(
    people: People, comes: bool
) -> None:
    if comes:
        change = people.creator.post(f"{people.path}/team", userId=people.other_talent.id)
    else:
        change = people.creator.delete(f"{people.path}/team/{people.talent.id}")
    made, _ = await asyncio.gather(people.creator.post(f"{people.path}/conversations"), change)
    team = {one["id"] for one in (await people.creator.get(people.path)).body["teamMembers"]}
    id = made.body["id"]
    assert await members_of(people.creator, id) | await invited(people.creator, id) == team | {people.creator.id}
