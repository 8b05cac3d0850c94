"""The conversation of a project: nobody is in it but the people of the project, and strangers are not put into it."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from tests.flow.api.conftest import Caller
from tests.flow.conftest import PATIENCE, House
from tests.flow.onswift.conftest import NOWHERE, Cast
from tests.flow.onswift.test_tasks import add, ear


async def group(cast: Cast) -> str:
    """Return the conversation, in which the creator and the talent are."""
    id: str = (await cast.talent.post(f"{cast.path}/conversations")).body["id"]
    return id


async def invited(caller: Caller, conversation: str) -> set[str]:
    """Return who is asked to come in."""
    page = (await caller.get(f"/conversations/{conversation}/invitations")).body
    return {one["user"]["id"] for one in page["invitations"]}


async def be_known(cast: Cast) -> None:
    """Have the talent answer the creator, who knows her from then on."""
    id = (await cast.creator.post("/conversations", participantId=cast.talent.id)).body["id"]
    assert (await cast.talent.post(f"/conversations/{id}/messages", content="Hello")).status == 201


async def people(caller: Caller, conversation: str) -> set[str]:
    return {one["id"] for one in (await caller.get(f"/conversations/{conversation}")).body["members"]}


async def said(caller: Caller, conversation: str) -> list[str]:
    page = (await caller.get(f"/conversations/{conversation}/messages")).body
    return [one["content"] for one in page["messages"]]


async def test_the_first_call_makes_the_conversation_and_the_others_get_it(cast: Cast) -> None:
    first = await cast.talent.post(f"{cast.path}/conversations")
    assert (first.status, first.body["kind"], first.body["title"]) == (201, "group", "Film")
    assert first.body["projectId"] == cast.project
    assert {one["id"]: one["role"] for one in first.body["members"]} == {
        cast.creator.id: "owner",
        cast.talent.id: "member",
    }
    again = await cast.creator.post(f"{cast.path}/conversations")
    assert (again.status, again.body["id"]) == (200, first.body["id"])


async def test_of_many_who_make_it_at_once_all_get_the_same_one(cast: Cast) -> None:
    replies = await asyncio.gather(*(one.post(f"{cast.path}/conversations") for one in (cast.creator, cast.talent) * 3))
    assert sorted(reply.status for reply in replies) == [200] * 5 + [201]
    assert len({reply.body["id"] for reply in replies}) == 1
    assert await people(cast.creator, replies[0].body["id"]) == {cast.creator.id, cast.talent.id}


async def test_a_stranger_of_the_team_is_asked_when_it_is_made_and_comes_in_when_she_accepts(cast: Cast) -> None:
    made = (await cast.creator.post(f"{cast.path}/conversations")).body
    assert [one["id"] for one in made["members"]] == [cast.creator.id]
    assert await invited(cast.creator, made["id"]) == {cast.talent.id}
    assert (await cast.talent.get(f"/conversations/{made['id']}/messages")).code == "NOT_A_MEMBER"
    (invitation,) = (await cast.talent.get("/invitations")).body["invitations"]
    assert (invitation["title"], invitation["invitedBy"]["name"]) == ("Film", "Ann")
    assert (await cast.talent.get(cast.path)).status == 200, "in the team she is at once"
    assert (await cast.talent.post(f"/invitations/{invitation['id']}/accept")).status == 200
    assert await said(cast.talent, made["id"]) == ["Bob joined"]


async def test_whom_the_creator_knows_is_in_it_when_it_is_made(cast: Cast) -> None:
    await be_known(cast)
    made = (await cast.creator.post(f"{cast.path}/conversations")).body
    assert {one["id"] for one in made["members"]} == {cast.creator.id, cast.talent.id}
    assert await invited(cast.creator, made["id"]) == set()


async def test_who_is_in_the_team_comes_in_by_herself_also_after_she_has_declined(cast: Cast) -> None:
    id = (await cast.creator.post(f"{cast.path}/conversations")).body["id"]
    (invitation,) = (await cast.talent.get("/invitations")).body["invitations"]
    assert (await cast.talent.post(f"/invitations/{invitation['id']}/decline")).status == 204
    await cast.creator.post(f"{cast.path}/conversations")
    assert await people(cast.creator, id) == {cast.creator.id}, "asked again by nobody"
    assert await invited(cast.creator, id) == set()
    replies = await asyncio.gather(*(cast.talent.post(f"{cast.path}/conversations") for _ in range(3)))
    assert {(reply.status, reply.body["id"]) for reply in replies} == {(200, id)}
    assert await said(cast.talent, id) == ["Bob joined"]


async def test_an_open_invitation_is_answered_by_coming_in(cast: Cast) -> None:
    id = (await cast.creator.post(f"{cast.path}/conversations")).body["id"]
    assert (await cast.talent.post(f"{cast.path}/conversations")).body["id"] == id
    assert (await cast.talent.get("/invitations")).body["invitations"] == []


async def test_an_invitation_ends_with_the_place_in_the_team(cast: Cast) -> None:
    id = (await cast.creator.post(f"{cast.path}/conversations")).body["id"]
    (invitation,) = (await cast.talent.get("/invitations")).body["invitations"]
    assert (await cast.creator.delete(f"{cast.path}/team/{cast.talent.id}")).status == 204
    assert (await cast.talent.post(f"/invitations/{invitation['id']}/accept")).code == "INVITATION_NOT_FOUND"
    assert (await cast.talent.post(f"{cast.path}/conversations")).code == "FORBIDDEN"
    assert await people(cast.creator, id) == {cast.creator.id}


async def test_strangers_neither_make_nor_enter_it(cast: Cast) -> None:
    id = await group(cast)
    for caller in cast.strangers:
        assert (await caller.post(f"{cast.path}/conversations")).status == 403
        assert (await caller.get(f"/conversations/{id}")).code == "NOT_A_MEMBER"
    assert (await cast.creator.post(f"/projects/{NOWHERE}/conversations")).code == "PROJECT_NOT_FOUND"


async def test_who_joins_the_team_is_asked_into_the_conversation_and_who_is_removed_is_out_of_it_at_once(
    house: House, hub: str, cast: Cast
) -> None:
    id = await group(cast)
    dan = await ear(house, hub, cast.other_talent)
    await add(cast, cast.other_talent)
    assert (await dan.heard.next("invitation:received"))["invitation"]["conversationId"] == id
    await cast.other_talent.accept_all()
    assert (await dan.heard.next("conversation:members"))["isMember"] is True
    assert await people(cast.creator, id) == {cast.creator.id, cast.talent.id, cast.other_talent.id}
    await dan.call("join:conversation", conversationId=id)
    assert "error" not in await dan.call("message:send", conversationId=id, content="hello")
    await cast.creator.delete(f"{cast.path}/team/{cast.other_talent.id}")
    assert (await dan.heard.next("conversation:members"))["isMember"] is False
    assert (await dan.call("message:send", conversationId=id, content="still here"))["error"]["code"] == "NOT_A_MEMBER"
    assert (await cast.other_talent.get(f"/conversations/{id}/messages")).status == 403
    assert await people(cast.creator, id) == {cast.creator.id, cast.talent.id}
    assert await said(cast.creator, id) == ["Dan joined", "hello", "Ann removed Dan"]


async def test_whom_the_creator_knows_joins_the_conversation_with_the_team(cast: Cast) -> None:
    id = await group(cast)
    await be_known(cast)
    assert (await cast.creator.delete(f"{cast.path}/team/{cast.talent.id}")).status == 204
    await add(cast, cast.talent)
    assert await said(cast.talent, id) == ["Ann removed Bob", "Ann added Bob"]


async def test_one_leaves_it_and_stays_in_the_team_and_comes_back_by_oneself(cast: Cast) -> None:
    id = await group(cast)
    await be_known(cast)
    for caller in (cast.talent, cast.creator):
        assert (await caller.delete(f"/conversations/{id}/members/{caller.id}")).status == 204
        assert (await caller.get(f"/conversations/{id}")).code == "NOT_A_MEMBER"
        assert (await caller.get(cast.path)).body["teamMembers"][0]["id"] == cast.talent.id
    assert (await cast.creator.post(f"{cast.path}/conversations")).body["id"] == id
    assert await people(cast.creator, id) == {cast.creator.id}
    assert (await cast.talent.post(f"{cast.path}/conversations")).body["id"] == id
    assert await said(cast.talent, id) == ["Bob left", "Ann left", "Ann joined", "Bob joined"]


async def test_nobody_adds_or_removes_but_by_the_team(cast: Cast) -> None:
    id = await group(cast)
    tries: list[Any] = [
        cast.creator.post(f"/conversations/{id}/members", userIds=[cast.other_talent.id]),
        cast.creator.delete(f"/conversations/{id}/members/{cast.talent.id}"),
        cast.talent.delete(f"/conversations/{id}/members/{cast.creator.id}"),
    ]
    for refused in await asyncio.gather(*tries):
        assert (refused.status, refused.code) == (403, "FORBIDDEN")
        assert refused.body["error"]["message"] == "The members of this conversation are those of its project"
    assert await people(cast.creator, id) == {cast.creator.id, cast.talent.id}


async def test_it_is_called_as_its_project_is(cast: Cast) -> None:
    id = await group(cast)
    await cast.creator.put(cast.path, name="Short film")
    assert (await cast.talent.get(f"/conversations/{id}")).body["title"] == "Short film"


async def test_it_is_closed_and_can_be_read_when_the_project_is_deleted(
    house: House, two_hubs: tuple[str, str], cast: Cast
) -> None:
    id = await group(cast)
    path = f"/conversations/{id}"
    sent = (await cast.creator.post(f"{path}/messages", content="hello", clientId="one")).body["id"]
    ears = [await ear(house, url, cast.talent) for url in two_hubs]
    for one in ears:
        assert (await one.join(UUID(id)))["closedAt"] is None
        await one.call("conversation:typing", conversationId=id, isTyping=True)
    await cast.creator.delete(cast.path)
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
        refused = await cast.creator.post(f"{path}/messages", content=content)
        assert (refused.status, refused.code) == (409, "CONVERSATION_CLOSED")
    assert (await cast.creator.put(f"{path}/messages/{sent}", content="hi")).code == "CONVERSATION_CLOSED"
    assert (await cast.creator.post(f"{path}/messages", content="hello", clientId="one")).body["id"] == sent, "a repeat"
    assert await said(cast.talent, id) == ["hello", "Ann deleted the project"]
    assert (await cast.talent.get(path)).body["closedAt"] == closed["closedAt"]
    assert (await cast.creator.delete(f"{path}/messages/{sent}")).status == 204, "what one said one may take back"
    assert (await cast.creator.post(f"{cast.path}/conversations")).code == "PROJECT_NOT_FOUND"


@pytest.mark.parametrize("comes", [True, False])
async def test_making_it_while_the_team_changes_leaves_nobody_out_and_nobody_else_in(cast: Cast, comes: bool) -> None:
    if comes:
        change = cast.creator.post(f"{cast.path}/team", userId=cast.other_talent.id)
    else:
        change = cast.creator.delete(f"{cast.path}/team/{cast.talent.id}")
    made, _ = await asyncio.gather(cast.creator.post(f"{cast.path}/conversations"), change)
    team = {one["id"] for one in (await cast.creator.get(cast.path)).body["teamMembers"]}
    id = made.body["id"]
    assert await people(cast.creator, id) | await invited(cast.creator, id) == team | {cast.creator.id}
