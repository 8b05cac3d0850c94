"""Who has blocked somebody is left alone by her."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

import pytest

from core.notifications.notifications import notify_members
from tests.flow.api.conftest import Api, Caller
from tests.flow.conftest import Environment
from tests.flow.onswift.conftest import NEW_PROJECT


@dataclass
class Pair:
    """Ann, a creator, and Bob, a talent, who talk to each other."""

    ann: Caller
    bob: Caller
    id: str

    @property
    def path(self) -> str:
        return f"/conversations/{self.id}/messages"


@pytest.fixture
async def pair(api: Api) -> Pair:
    ann, bob = await api.signed_up("creator", "Ann"), await api.signed_up("talent", "Bob")
    made = await ann.post("/conversations", participantId=bob.id)
    return Pair(ann, bob, made.body["id"])


async def block(who: Caller, whom: Caller) -> None:
    assert (await who.put(f"/users/me/blocks/{whom.id}")).status == 204


async def unblock(who: Caller, whom: Caller) -> None:
    assert (await who.delete(f"/users/me/blocks/{whom.id}")).status == 204


async def blocked(who: Caller) -> list[str]:
    return [one["user"]["name"] for one in (await who.get("/users/me/blocks")).body["blocks"]]


async def test_between_two_of_whom_one_has_blocked_the_other_nothing_is_said_and_all_can_be_read(pair: Pair) -> None:
    said = (await pair.bob.post(pair.path, content="before", clientId="1")).body
    for _ in range(2):
        await block(pair.ann, pair.bob)
    for who in (pair.ann, pair.bob):
        refusals = [
            await who.post(pair.path, content="hello"),
            await who.put(f"{pair.path}/{said['id']}/reactions/👍"),
        ]
        assert [(one.status, one.code) for one in refusals] == [(403, "USER_UNREACHABLE")] * 2
        assert "block" not in str([one.body for one in refusals])
        assert [one["content"] for one in (await who.get(pair.path)).body["messages"]] == ["before"]
        again = await who.post("/conversations", participantId=pair.bob.id if who is pair.ann else pair.ann.id)
        assert (again.status, again.body["id"]) == (200, pair.id)
    assert (await pair.bob.put(f"{pair.path}/{said['id']}", content="edited")).code == "USER_UNREACHABLE"
    assert (await pair.bob.post(pair.path, content="before", clientId="1")).body["id"] == said["id"], "a repeat"
    assert (await blocked(pair.ann), await blocked(pair.bob)) == (["Bob"], [])
    await unblock(pair.bob, pair.ann)
    assert (await pair.bob.post(pair.path, content="hello")).code == "USER_UNREACHABLE", "it is hers to take back"
    await unblock(pair.ann, pair.bob)
    assert (await pair.bob.post(pair.path, content="hello")).status == 201
    assert await blocked(pair.ann) == []


async def test_of_two_blocks_each_holds_by_itself(pair: Pair) -> None:
    await block(pair.ann, pair.bob)
    await block(pair.bob, pair.ann)
    await unblock(pair.ann, pair.bob)
    assert (await pair.ann.post(pair.path, content="hello")).code == "USER_UNREACHABLE"
    await unblock(pair.bob, pair.ann)
    assert (await pair.ann.post(pair.path, content="hello")).status == 201


async def test_a_new_conversation_a_group_and_a_team_do_not_bring_them_together(api: Api) -> None:
    ann, bob, eve = await api.signed_up("creator"), await api.signed_up("talent"), await api.signed_up("talent")
    assert (await ann.post("/conversations/groups", title="Before", participantIds=[bob.id])).body["invited"] == [
        bob.id
    ]
    await block(bob, ann)
    assert (await bob.get("/invitations")).body["invitations"] == [], "what was open is taken back"
    for who, other in ((ann, bob), (bob, ann)):
        assert (await who.post("/conversations", participantId=other.id)).code == "USER_UNREACHABLE"
        group = (await who.post("/conversations/groups", title="Team", participantIds=[other.id, eve.id])).body
        assert (group["added"], group["invited"]) == ([], [eve.id])
        more = (await who.post(f"/conversations/{group['id']}/members", userIds=[other.id])).body
        assert (more["added"], more["invited"]) == ([], [])
        assert (await other.get("/invitations")).body["invitations"] == []
    project = (await ann.post("/projects", **NEW_PROJECT)).body["id"]
    assert (await ann.post(f"/projects/{project}/team", userId=bob.id)).code == "USER_UNREACHABLE"


@pytest.mark.usefixtures("generous")
async def test_an_invitation_or_a_conversation_at_the_same_moment_does_not_slip_through(api: Api) -> None:
    ann = await api.signed_up("creator")
    for _ in range(4):
        bob = await api.signed_up("talent")
        await asyncio.gather(
            ann.post("/conversations/groups", title="Team", participantIds=[bob.id]),
            ann.post("/conversations", participantId=bob.id),
            block(bob, ann),
        )
        assert (await bob.get("/invitations")).body["invitations"] == []
        for pair in (await bob.get("/conversations")).body["conversations"]:
            assert (await ann.post(f"/conversations/{pair['id']}/messages", content="hello")).code == "USER_UNREACHABLE"


async def test_groups_go_on_and_notify_of_others_only(api: Api, env: Environment) -> None:
    ann, bob, eve = [await api.signed_up("talent", name) for name in ("Ann", "Bob", "Eve")]
    group = (await ann.post("/conversations/groups", title="All", participantIds=[bob.id, eve.id])).body["id"]
    await bob.accept_all()
    await eve.accept_all()
    await ann.put("/notifications/read-all")
    await block(ann, bob)
    sent = await bob.post(f"/conversations/{group}/messages", content="from Bob")
    assert sent.status == 201
    await notify_members(env.resources, env.publisher, [UUID(group)])

    async def told(who: Caller) -> list[str]:
        page = (await who.get("/notifications")).body["notifications"]
        return [one["message"] for one in page if one["type"] == "message_received"]

    assert (await told(ann), await told(eve)) == ([], ["Bob: from Bob"])
    await eve.post(f"/conversations/{group}/messages", content="from Eve")
    await notify_members(env.resources, env.publisher, [UUID(group)])
    assert await told(ann) == ["Eve: from Eve"]


async def test_a_notice_that_names_a_user_is_not_sent_to_those_who_blocked_that_user(api: Api) -> None:
    ann, bob = await api.signed_up("creator", "Ann"), await api.signed_up("talent", "Bob")
    project = (await ann.post("/projects", **NEW_PROJECT)).body["id"]
    await ann.post(f"/projects/{project}/team", userId=bob.id)
    await block(ann, bob)
    assert (await bob.delete(f"/projects/{project}/team/me")).status == 204
    assert (await ann.get("/notifications")).body["notifications"] == []


async def test_only_another_user_of_the_market_can_be_blocked(api: Api) -> None:
    ann = await api.signed_up()
    assert (await ann.put(f"/users/me/blocks/{ann.id}")).fields == ["userId"]
    assert (await ann.put(f"/users/me/blocks/{UUID(int=1)}")).code == "USER_NOT_FOUND"
    assert (await ann.delete(f"/users/me/blocks/{UUID(int=1)}")).status == 204
