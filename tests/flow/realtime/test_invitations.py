"""Invitations on sockets: who is asked on one hub answers on another, and hears nothing of the group before."""

from datetime import date
from uuid import UUID

from core.chat import invitations
from core.chat.invitations import INVITATION_RECEIVED
from core.notifications.preferences import PreferenceChange, choose
from marketplaces.onswift.handlers.projects import create_project
from marketplaces.onswift.handlers.team import add_member
from marketplaces.onswift.structs.projects import NewProject, NewTeamMember
from tests.flow.conftest import Environment


async def test_an_invited_user_gets_no_messages_before_accepting_and_all_as_a_member(
    env: Environment, two_hubs: tuple[str, str]
) -> None:
    ann = await (await env.chatter("Ann", two_hubs[0])).connect()
    bob = await (await env.chatter("Bob", two_hubs[1], "talent")).connect()
    bob_id = str(bob.user.id)
    wanted = PreferenceChange(INVITATION_RECEIVED.type, in_app=True)
    await choose(env.ctx(bob.user), [wanted])
    made = await ann.call("conversation:create", participantIds=[bob_id], title=" Team ")
    room = made["conversationId"]
    assert made == {"conversationId": room, "added": [], "invited": [bob_id]}
    invitation = (await bob.heard.next("invitation:received"))["invitation"]
    assert (invitation["conversationId"], invitation["title"], invitation["memberCount"]) == (room, "Team", 1)
    assert (await bob.heard.next("notification:new"))["notification"]["type"] == "invitation_received"
    await ann.join(UUID(room))
    assert (await bob.join(UUID(room)))["error"]["code"] == "NOT_A_MEMBER"
    assert (await bob.send(UUID(room), "Hello?"))["error"]["code"] == "NOT_A_MEMBER"
    mention = {"conversationId": room, "content": "@Bob", "mentions": [bob_id]}
    assert (await ann.call("message:send", **mention))["error"]["code"] == "VALIDATION_ERROR"
    await ann.send(UUID(room), "before")

    await invitations.accept(env.ctx(bob.user), UUID(invitation["id"]))
    answered = {"invitationId": invitation["id"], "conversationId": room, "userId": bob_id, "answer": "accepted"}
    assert await ann.heard.next("invitation:answered") == answered
    assert await bob.heard.next("invitation:answered") == answered
    assert (await bob.heard.next("conversation:members"))["isMember"]
    texts = [one["message"]["content"] for one in await ann.heard.until("message:received", 2)]
    assert texts == ["before", "Bob joined"]
    assert (await bob.join(UUID(room)))["lastSeq"] == 2
    assert (await ann.call("message:send", **mention))["seq"] == 3
    assert (await bob.heard.next("message:received"))["message"]["content"] == "@Bob"
    assert len(bob.heard.all("message:received")) == 1


async def test_a_withdrawn_or_declined_invitation_is_published_on_every_hub(
    env: Environment, two_hubs: tuple[str, str]
) -> None:
    ann = await (await env.chatter("Ann", two_hubs[0])).connect()
    bob = await (await env.chatter("Bob", two_hubs[1], "talent")).connect()
    elsewhere = await (await env.chatter("Bob", two_hubs[0], "talent")).connect()
    bob_id = str(bob.user.id)
    first = (await ann.call("conversation:create", participantIds=[bob_id], title="First"))["conversationId"]
    await bob.heard.next("invitation:received")
    assert await ann.call("conversation:remove", conversationId=first, userId=bob_id) == {}
    assert (await bob.heard.next("invitation:answered"))["answer"] == "withdrawn"
    team = await env.group(ann.user)
    assert await ann.call("conversation:add", conversationId=str(team), userIds=[bob_id]) == {
        "added": [],
        "invited": [bob_id],
    }
    id = (await bob.heard.next("invitation:received"))["invitation"]["id"]
    await invitations.decline(env.ctx(bob.user), UUID(id))
    assert (await ann.heard.next("invitation:answered"))["answer"] == "declined"
    assert (await bob.heard.next("invitation:answered"))["answer"] == "declined"
    assert len(ann.heard.all("invitation:answered")) == 1
    assert elsewhere.heard.all("invitation:received") == [], "it is nobody else's"


async def test_a_talent_adds_the_creator_of_her_project_and_invites_those_of_the_team_who_have_done_nothing_yet(
    env: Environment, hub: str
) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    bob = await (await env.chatter("Bob", hub, "talent")).connect()
    eve, _ = await env.person("Eve", "talent")
    project = await create_project(env.ctx(ann.user), NewProject("Film", "A short one", date.max))
    for talent in (bob.user, eve):
        await add_member(env.ctx(ann.user), project.id, NewTeamMember(talent.id))
    ids = [str(ann.user.id), str(eve.id)]
    made = await bob.call("conversation:create", participantIds=ids, title="Team")
    assert (made["added"], made["invited"]) == (ids[:1], ids[1:])
    assert (await ann.heard.next("conversation:created"))["conversationId"] == made["conversationId"]
