"""Strangers are not put into groups: they are invited, and join when they accept."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from core.chat import invitations
from core.limits.budget import Rate
from core.limits.shared_limits import SharedLimits, key_of
from core.notifications.notifications import notify_members
from tests.flow.api.conftest import Api, Caller, Reply
from tests.flow.conftest import Environment
from tests.flow.onswift.conftest import NEW_PROJECT
from tests.flow.onswift.delivering import NEW_TASK, uploaded

AGE = "update invitations set created_at = created_at - $1::interval, answered_at = answered_at - $1::interval"


@dataclass
class Group:
    """A group of Ann's to which she has invited Bob and Eve, whom she does not know."""

    ann: Caller
    bob: Caller
    eve: Caller
    id: str
    made: Reply

    @property
    def path(self) -> str:
        return f"/conversations/{self.id}"

    async def invited(self) -> list[str]:
        """Return whom Ann sees as invited."""
        page = (await self.ann.get(f"{self.path}/invitations")).body
        return [one["user"]["id"] for one in page["invitations"]]


@pytest.fixture
async def group(api: Api) -> Group:
    ann, bob, eve = [
        await api.signed_up(kind, name) for kind, name in (("creator", "Ann"), ("talent", "Bob"), ("talent", "Eve"))
    ]
    for one in (ann, bob, eve):
        await one.want("invitation_received")
    made = await ann.post("/conversations/groups", title="Team", participantIds=[bob.id, eve.id])
    assert made.status == 201
    return Group(ann, bob, eve, made.body["id"], made)


async def invitation_of(caller: Caller) -> dict[str, Any]:
    """Return the only open invitation of a user."""
    (one,) = (await caller.get("/invitations")).body["invitations"]
    return dict(one)


async def accept(caller: Caller) -> Reply:
    return await caller.post(f"/invitations/{(await invitation_of(caller))['id']}/accept")


async def decline(caller: Caller) -> Reply:
    return await caller.post(f"/invitations/{(await invitation_of(caller))['id']}/decline")


async def log(caller: Caller, path: str) -> list[str]:
    return [one["content"] for one in (await caller.get(f"{path}/messages")).body["messages"]]


async def notices(caller: Caller) -> list[tuple[str, str, bool]]:
    page = (await caller.get("/notifications")).body["notifications"]
    return [(one["message"], one["entityId"], one["isRead"]) for one in page if one["type"] == "invitation_received"]


async def test_strangers_are_invited_and_see_who_asks_to_what_and_nothing_more(group: Group) -> None:
    assert set(group.made.body["invited"]) == {group.bob.id, group.eve.id}
    assert (group.made.body["added"], group.made.body["memberCount"]) == ([], 1)
    await group.ann.post(f"{group.path}/messages", content="a secret")
    invitation = await invitation_of(group.bob)
    assert invitation == {
        "id": invitation["id"],
        "conversationId": group.id,
        "title": "Team",
        "invitedBy": {"id": group.ann.id, "name": "Ann", "avatarUrl": None},
        "memberCount": 1,
        "createdAt": invitation["createdAt"],
    }
    for method, path, body in (
        ("GET", group.path, None),
        ("GET", f"{group.path}/messages", None),
        ("GET", f"{group.path}/invitations", None),
        ("POST", f"{group.path}/messages", {"content": "hello"}),
        ("POST", f"{group.path}/members", {"userIds": [group.bob.id]}),
        ("DELETE", f"{group.path}/members/{group.bob.id}", None),
    ):
        assert (await group.bob.call(method, path, json=body)).code == "NOT_A_MEMBER", (method, path)
    assert (await group.bob.get("/conversations")).body["conversations"] == []
    assert (await group.bob.get("/sync")).body["conversations"] == []
    mention = await group.ann.post(f"{group.path}/messages", content="@Bob", mentions=[group.bob.id])
    assert (mention.code, mention.fields) == ("VALIDATION_ERROR", ["mentions"])
    assert await notices(group.bob) == [("Ann invites you to the group “Team”", group.id, False)]
    assert set(await group.invited()) == {group.bob.id, group.eve.id}


async def test_who_accepts_is_a_member_as_if_added(group: Group) -> None:
    await group.ann.post(f"{group.path}/messages", content="welcome")
    reply = await accept(group.bob)
    assert (reply.status, reply.body["id"], reply.body["memberCount"]) == (200, group.id, 2)
    assert await log(group.bob, group.path) == ["welcome", "Bob joined"]
    assert (await group.bob.get("/invitations")).body == {
        "invitations": [],
        "pagination": {
            "page": 1,
            "limit": 20,
            "total": 0,
            "totalPages": 0,
            "hasNext": False,
            "hasPrev": False,
            "nextCursor": None,
        },
    }
    assert await group.invited() == [group.eve.id]
    assert [is_read for _, _, is_read in await notices(group.bob)] == [True]
    again = await group.ann.post(f"{group.path}/members", userIds=[group.bob.id, group.eve.id])
    assert (again.body["added"], again.body["invited"]) == ([], [group.eve.id]), (
        "she was asked before, and once is enough"
    )
    assert len(await notices(group.eve)) == 1


async def test_who_has_invited_somebody_has_nothing_unread_from_the_answer(group: Group, env: Environment) -> None:
    async def unread(who: Caller) -> int:
        return int((await who.get(group.path)).body["unreadCount"])

    await accept(group.bob)
    assert (await unread(group.ann), await unread(group.bob)) == (0, 0)
    await group.bob.post(f"{group.path}/messages", content="hello")
    await accept(group.eve)
    assert (await unread(group.ann), await unread(group.bob), await unread(group.eve)) == (1, 1, 0)
    await notify_members(env.resources, env.publisher, [UUID(group.id)])
    assert [one["message"] for one in (await group.ann.get("/notifications")).body["notifications"]] == ["Bob: hello"]


async def test_of_two_accepts_at_once_one_joins_and_both_are_answered(group: Group) -> None:
    path = f"/invitations/{(await invitation_of(group.bob))['id']}/accept"
    replies = await asyncio.gather(*(group.bob.post(path) for _ in range(4)))
    assert [(reply.status, reply.body["id"]) for reply in replies] == [(200, group.id)] * 4
    assert await log(group.bob, group.path) == ["Bob joined"]
    assert (await group.bob.delete(f"{group.path}/members/{group.bob.id}")).status == 204
    assert (await group.bob.post(path)).code == "INVITATION_NOT_FOUND", "it leads back in only once"


async def test_an_accept_and_a_decline_at_once_have_one_outcome(group: Group) -> None:
    path = f"/invitations/{(await invitation_of(group.bob))['id']}"
    accepted, declined = await asyncio.gather(group.bob.post(f"{path}/accept"), group.bob.post(f"{path}/decline"))
    assert sorted((accepted.status, declined.status)) in ([200, 404], [204, 404])
    is_in = (await group.bob.get(group.path)).status == 200
    assert is_in == (accepted.status == 200)


async def test_nobody_answers_for_somebody_else(group: Group) -> None:
    path = f"/invitations/{(await invitation_of(group.bob))['id']}"
    for caller in (group.eve, group.ann):
        for answer in ("accept", "decline"):
            assert (await caller.post(f"{path}/{answer}")).code == "INVITATION_NOT_FOUND"
    assert (await group.bob.post(f"{path}/decline")).status == 204


async def test_a_decline_is_final_for_a_month(group: Group, env: Environment) -> None:
    path = f"/invitations/{(await invitation_of(group.bob))['id']}"
    replies = await asyncio.gather(*(group.bob.post(f"{path}/decline") for _ in range(3)))
    assert [reply.status for reply in replies] == [204] * 3
    assert (await group.bob.post(f"{path}/accept")).code == "INVITATION_NOT_FOUND"

    async def ask_again() -> tuple[list[str], int]:
        reply = await group.ann.post(f"{group.path}/members", userIds=[group.bob.id])
        assert (reply.status, reply.body["added"]) == (200, [])
        return reply.body["invited"], len((await group.bob.get("/invitations")).body["invitations"])

    assert await ask_again() == ([], 0)
    await env.resources.db.execute(AGE, invitations.PAUSE + timedelta(hours=1))
    assert await ask_again() == ([], 0)
    await env.resources.db.execute(AGE, invitations.PAUSE_AFTER_DECLINE)
    assert await ask_again() == ([group.bob.id], 1)
    assert len(await notices(group.bob)) == 1, "one for each group"
    assert (await group.bob.post(f"{path}/accept")).code == "INVITATION_NOT_FOUND", "the old one stays declined"
    assert (await accept(group.bob)).status == 200


async def test_an_invitation_goes_with_its_inviter_or_when_it_is_taken_back(group: Group, env: Environment) -> None:
    await accept(group.bob)
    path = f"/invitations/{(await invitation_of(group.eve))['id']}/accept"
    assert (await group.bob.delete(f"{group.path}/members/{group.eve.id}")).code == "FORBIDDEN", "it is not his"
    assert (await group.ann.delete(f"{group.path}/members/{group.eve.id}")).status == 204
    assert (await group.eve.post(path)).code == "INVITATION_NOT_FOUND"
    assert await notices(group.eve) == []
    again = await group.ann.post(f"{group.path}/members", userIds=[group.eve.id])
    assert again.body["invited"] == [], "taking back and asking again is no way to ring twice a day"
    await env.resources.db.execute("update invitations set created_at = created_at - interval '2 days'")
    assert (await group.bob.post(f"{group.path}/members", userIds=[group.eve.id])).body["invited"] == [group.eve.id]
    path = f"/invitations/{(await invitation_of(group.eve))['id']}/accept"
    assert (await group.ann.delete(f"{group.path}/members/{group.bob.id}")).status == 204
    assert (await group.eve.get("/invitations")).body["invitations"] == []
    assert (await group.eve.post(path)).code == "INVITATION_NOT_FOUND"
    assert await group.invited() == []


async def pair(one: Caller, other: Caller) -> str:
    id: str = (await one.post("/conversations", participantId=other.id)).body["id"]
    return f"/conversations/{id}/messages"


async def say_nothing(ann: Caller, bob: Caller) -> None:
    await ann.post(await pair(ann, bob), content="Hi!")


async def answer(ann: Caller, bob: Caller) -> None:
    await bob.post(await pair(ann, bob), content="Hello")


async def begin(ann: Caller, bob: Caller) -> None:
    await pair(bob, ann)


async def join(ann: Caller, bob: Caller) -> None:
    await ann.post("/conversations/groups", title="First", participantIds=[bob.id])
    await bob.accept_all()


async def leave(ann: Caller, bob: Caller) -> None:
    group = (await ann.post("/conversations/groups", title="First", participantIds=[bob.id])).body["id"]
    await bob.accept_all()
    await bob.delete(f"/conversations/{group}/members/{bob.id}")


async def be_put_into_a_group(ann: Caller, bob: Caller) -> None:
    """A third one, whom Bob knows, puts Bob into the group in which Ann is."""
    third = await Api(ann.client).signed_up("creator", "Cid")
    group = (await third.post("/conversations/groups", title="Crowd", participantIds=[ann.id])).body["id"]
    await ann.accept_all()
    await answer(third, bob)
    added = await third.post(f"/conversations/{group}/members", userIds=[bob.id])
    assert added.body["added"] == [bob.id]


async def team_of(ann: Caller, *talents: Caller) -> str:
    """Return a project of Ann's into whose team she has put these talents."""
    project: str = (await ann.post("/projects", **NEW_PROJECT)).body["id"]
    for talent in talents:
        assert (await ann.post(f"/projects/{project}/team", userId=talent.id)).status == 201
    return project


async def task_of(ann: Caller, project: str, talent: Caller) -> str:
    reply = await ann.post(f"/projects/{project}/tasks", **NEW_TASK, assigneeId=talent.id)
    id: str = reply.body["id"]
    return id


async def comment(ann: Caller, project: str, talent: Caller) -> None:
    path = f"/projects/{project}/tasks/{await task_of(ann, project, talent)}/comments"
    assert (await talent.post(path, content="Here I am")).status == 201


async def be_put_into_a_team(ann: Caller, bob: Caller) -> None:
    project = await team_of(ann, bob)
    await task_of(ann, project, bob)
    assert (await ann.post(f"/projects/{project}/conversations")).status == 201


async def work_together(ann: Caller, bob: Caller) -> None:
    await comment(ann, await team_of(ann, bob), bob)


async def hand_something_in(ann: Caller, bob: Caller) -> None:
    project = await team_of(ann, bob)
    new = {"projectId": project, "taskId": await task_of(ann, project, bob), "title": "Draft", "description": "x"}
    assert (await bob.post("/deliverables", **new, fileUrls=[await uploaded(bob)])).status == 201


async def come_into_the_conversation_of_a_team(ann: Caller, bob: Caller) -> None:
    assert (await bob.post(f"/projects/{await team_of(ann, bob)}/conversations")).status == 201


async def have_worked_together(ann: Caller, bob: Caller) -> None:
    project = await team_of(ann, bob)
    await comment(ann, project, bob)
    assert (await ann.delete(f"/projects/{project}/team/{bob.id}")).status == 200  # he had an open task


KNOWN = [answer, begin, join, work_together, hand_something_in, come_into_the_conversation_of_a_team]
UNKNOWN = [say_nothing, leave, be_put_into_a_group, be_put_into_a_team, have_worked_together]


@pytest.mark.parametrize("meet", [*KNOWN, *UNKNOWN], ids=lambda meet: meet.__name__)
async def test_who_has_taken_part_in_a_conversation_or_works_with_the_caller_is_added_at_once(
    api: Api, meet: Callable[[Caller, Caller], Awaitable[None]]
) -> None:
    ann, bob = await api.signed_up("creator", "Ann"), await api.signed_up("talent", "Bob")
    await meet(ann, bob)
    made = (await ann.post("/conversations/groups", title="Team", participantIds=[bob.id])).body
    added, invited = ([bob.id], []) if meet in KNOWN else ([], [bob.id])
    assert (made["added"], made["invited"]) == (added, invited)
    assert (await bob.get(f"/conversations/{made['id']}")).status == (200 if meet in KNOWN else 403)


async def test_a_talent_knows_the_creator_of_her_project_and_those_of_the_team_who_have_taken_part(api: Api) -> None:
    ann, (bob, eve) = await api.signed_up("creator"), [await api.signed_up("talent") for _ in range(2)]
    project = await team_of(ann, bob, eve)
    ids = [ann.id, eve.id]
    made = (await bob.post("/conversations/groups", title="Team", participantIds=ids)).body
    assert (made["added"], made["invited"]) == ([ann.id], [eve.id])
    await comment(ann, project, eve)
    made = (await bob.post("/conversations/groups", title="Other", participantIds=ids)).body
    assert (set(made["added"]), made["invited"]) == (set(ids), [])


async def add(group: Group, caller: Caller) -> tuple[list[str], list[str]]:
    """Have Ann add someone whom she knows; return who was added and who invited."""
    await answer(group.ann, caller)
    reply = await group.ann.post(f"{group.path}/members", userIds=[caller.id])
    assert reply.status == 200
    return reply.body["added"], reply.body["invited"]


async def leave_it(group: Group, caller: Caller) -> None:
    assert (await caller.delete(f"{group.path}/members/{caller.id}")).status == 204


async def test_who_has_declined_is_not_added_for_a_month_by_those_she_knows(group: Group, env: Environment) -> None:
    await decline(group.bob)
    assert await add(group, group.bob) == ([], [])
    assert (await group.bob.get(group.path)).code == "NOT_A_MEMBER"
    assert (await group.bob.get("/invitations")).body["invitations"] == []
    await env.resources.db.execute(AGE, invitations.PAUSE_AFTER_DECLINE)
    assert await add(group, group.bob) == ([group.bob.id], [])


async def test_who_has_left_is_asked_by_those_she_knows_before_she_is_in_again(group: Group, api: Api) -> None:
    friend = await api.signed_up("talent", "Fay")
    await friend.want("invitation_received")
    assert await add(group, friend) == ([friend.id], [])
    await leave_it(group, friend)
    assert await add(group, friend) == ([], [friend.id])
    assert (await friend.get(group.path)).code == "NOT_A_MEMBER"
    assert await add(group, friend) == ([], [friend.id]), "she has one invitation, and is asked once"
    assert len(await notices(friend)) == 1
    await accept(friend)
    assert await log(friend, group.path) == ["Ann added Fay", "Fay left", "Fay joined"]
    await leave_it(group, friend)
    assert await add(group, friend) == ([], []), "and not twice a day"


async def test_who_was_removed_has_not_said_no(group: Group) -> None:
    await accept(group.bob)
    assert (await group.ann.delete(f"{group.path}/members/{group.bob.id}")).status == 204
    assert await add(group, group.bob) == ([group.bob.id], [])


@pytest.mark.parametrize("accepts", [True, False])
async def test_who_has_said_no_to_a_group_is_asked_before_she_is_in_another_one_of_the_same_user(
    group: Group, api: Api, env: Environment, accepts: bool
) -> None:
    bob, cid = group.bob, await api.signed_up("creator", "Cid")
    await answer(cid, bob)
    if accepts:
        await accept(bob)
        await leave_it(group, bob)
    else:
        await decline(bob)
    await answer(group.ann, bob)

    async def joining(maker: Caller) -> tuple[list[str], list[str]]:
        made = (await maker.post("/conversations/groups", title="Next", participantIds=[bob.id])).body
        return made["added"], made["invited"]

    assert await joining(group.ann) == ([], [bob.id])
    assert await joining(cid) == ([bob.id], []), "of others she has said nothing"
    await env.resources.db.execute(AGE, invitations.PAUSE_AFTER_DECLINE)
    await env.resources.db.execute("update members set left_at = left_at - interval '30 days'")
    assert await joining(group.ann) == ([bob.id], [])


async def test_who_is_added_by_someone_she_knows_has_no_invitation_left(group: Group) -> None:
    await accept(group.bob)
    await answer(group.ann, group.eve)
    added = await group.ann.post(f"{group.path}/members", userIds=[group.eve.id])
    assert added.body["added"] == [group.eve.id]
    assert (await group.eve.get("/invitations")).body["invitations"] == []
    assert await log(group.eve, group.path) == ["Bob joined", "Ann added Eve"]


async def test_a_user_invites_so_many_a_day_and_no_more(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = Rate("invitations", 3, 86400)
    monkeypatch.setattr(invitations, "INVITATIONS", most)
    monkeypatch.setattr(SharedLimits, "rate_of", lambda _, rate, __: rate if rate is most else rate.times(1000))
    ann = await api.signed_up("creator")
    strangers = [(await env.person(f"P{number}"))[0] for number in range(8)]

    async def ask(*places: int) -> Reply:
        ids = [str(strangers[place].id) for place in places]
        return await ann.post("/conversations/groups", title="Team", participantIds=ids)

    assert (await ask(0, 1)).status == 201
    refused = await ask(2, 3)
    assert (refused.status, refused.code) == (429, "RATE_LIMITED")
    assert int(refused.headers["Retry-After"]) > 3600
    limited = env.resources.metrics.registry.get_sample_value("greenroom_limited_total", {"kind": "invitations"})
    assert limited == 1
    assert len((await ann.get("/conversations")).body["conversations"]) == 1, "nothing of it is there"
    replies = await asyncio.gather(*(ask(place) for place in (4, 5, 6, 7)))
    assert sorted(reply.status for reply in replies) == [201, 429, 429, 429]
    key = key_of("onswift", most, ann.id)
    await env.resources.redis.delete(key)
    env.resources.limits._refusals.of(key, 0.0).forget()
    too_many = await ask(0, 1, 2, 3)
    assert (too_many.status, "Retry-After" in too_many.headers) == (429, False), "never so many at once"
    assert (await ask(2, 3)).status == 201


async def test_a_user_whose_limits_are_raised_invites_so_many_times_as_many(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitations, "INVITATIONS", Rate("invitations", 2, 86400))
    ann = await api.signed_up("creator")
    monkeypatch.setattr(env.resources.limits, "_raised", {ann.id: 2})
    strangers = [str((await env.person(f"P{number}"))[0].id) for number in range(4)]
    made = await ann.post("/conversations/groups", title="Team", participantIds=strangers)
    assert made.status == 201


async def test_a_group_has_so_many_members_and_no_more(group: Group, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MOST_MEMBERS", 2)
    path = f"/invitations/{(await invitation_of(group.bob))['id']}/accept"
    other = f"/invitations/{(await invitation_of(group.eve))['id']}/accept"
    replies = await asyncio.gather(group.bob.post(path), group.eve.post(other))
    assert sorted(reply.status for reply in replies) == [200, 409]
    assert {reply.code for reply in replies if reply.status == 409} == {"GROUP_FULL"}
    friend = await api.signed_up("talent")
    await answer(group.ann, friend)
    full = await group.ann.post(f"{group.path}/members", userIds=[friend.id])
    assert (full.status, full.code) == (409, "GROUP_FULL")
    assert (await friend.get(group.path)).code == "NOT_A_MEMBER"
    assert (await group.ann.get(group.path)).body["memberCount"] == 2


async def test_an_invitation_is_exported_and_goes_with_either_of_the_two(group: Group, env: Environment) -> None:
    await decline(group.eve)
    for caller, count in ((group.ann, 2), (group.bob, 1), (group.eve, 1)):
        assert len((await caller.get("/users/me/export")).body["data"]["invitations"]) == count
    assert (await group.eve.delete("/users/me")).status == 204
    left = await env.resources.db.fetch("select user_id from invitations")
    assert [row["user_id"] for row in left] == [UUID(group.bob.id)]
    assert (await group.ann.delete("/users/me")).status == 204
    assert (await group.bob.get("/invitations")).body["invitations"] == []
    assert await notices(group.bob) == [], "which told of her by name"


async def test_who_is_gone_is_invited_to_nothing(group: Group) -> None:
    assert (await group.bob.delete("/users/me")).status == 204
    reply = await group.ann.post("/conversations/groups", title="Other", participantIds=[group.bob.id])
    assert reply.code == "USER_NOT_FOUND"


async def test_invitations_are_read_page_by_page(api: Api) -> None:
    bob = await api.signed_up("talent")
    for number in range(3):
        ann = await api.signed_up("creator")
        await ann.post("/conversations/groups", title=f"Team {number}", participantIds=[bob.id])
    pages = [(await bob.get("/invitations", limit=2, page=page)).body for page in (1, 2)]
    assert [[one["title"] for one in page["invitations"]] for page in pages] == [["Team 2", "Team 1"], ["Team 0"]]
    assert [page["pagination"]["hasNext"] for page in pages] == [True, False]


async def test_whatever_happens_to_a_group_at_once_ends_in_an_answer(
    group: Group, api: Api, env: Environment, generous: None
) -> None:
    others = [group.bob, group.eve, *[await api.signed_up("talent", f"T{number}") for number in range(4)]]
    friends = others[3:]
    for friend in friends:
        await answer(group.ann, friend)
    said = (await group.ann.post(f"{group.path}/messages", content="hello")).body["id"]

    async def answer_all(caller: Caller, what: str) -> Reply | None:
        reply = None
        for one in (await caller.get("/invitations")).body["invitations"]:
            reply = await caller.post(f"/invitations/{one['id']}/{what}")
        return reply

    for last in (False, False, True):
        ids = [one.id for one in others]
        calls = [
            *(group.ann.post(f"{group.path}/members", userIds=order) for order in (ids, ids[::-1])),
            *(one.post(f"{group.path}/members", userIds=ids) for one in friends),
            *(answer_all(one, "accept") for one in others),
            *(answer_all(one, "decline") for one in others[:2]),
            *(one.put(f"{group.path}/read", messageId=said) for one in others),
            *(one.post(f"{group.path}/messages", content="hi") for one in others),
            *(one.delete(f"{group.path}/members/{one.id}") for one in friends),
            *(group.ann.delete(f"{group.path}/members/{one.id}") for one in others[:3]),
            group.ann.put(f"{group.path}/messages/{said}", content="Hello"),
            group.ann.put(f"{group.path}/messages/{said}/reactions/🎉"),
            *(one.delete("/users/me") for one in (others[0], friends[0]) if last),
        ]
        replies = await asyncio.gather(*calls)
        assert {reply.status for reply in replies if reply} <= {200, 201, 204, 401, 403, 404}
        await env.resources.db.execute("update invitations set created_at = created_at - interval '2 days'")
    counted = await env.resources.db.fetchrow(
        "select last_seq, (select count(*) from messages where conversation_id = c.id) from conversations c where id = $1",
        UUID(group.id),
    )
    assert counted[0] == counted[1], "no hole"
    left = await env.resources.db.fetchval(
        """
        select count(*) from invitations i join members m using (conversation_id, user_id)
        where i.answer is null and m.left_at is null"""
    )
    assert left == 0, "who is in is not invited"
