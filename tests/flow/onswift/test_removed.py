"""Who is removed from a conversation learns nothing of what comes later, whichever way she asks."""

import asyncio
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import pytest

from core.accounts import logins
from core.notifications.notifications import notify_members
from marketplaces.onswift.routes import ROUTES
from tests.flow.api.conftest import Api, Caller
from tests.flow.conftest import PATIENCE, Chatter, Environment
from tests.flow.onswift.conftest import NOWHERE, People
from tests.flow.onswift.delivering import NEW_TASK, desk_of

pytestmark = pytest.mark.usefixtures("all_acquainted")
LATER = "Zyxwvut"  # in all that comes after she has gone, and nowhere before
NUMBERS = {"lastSeq", "version", "unreadCount", "memberCount"}


@dataclass
class Person:
    """Someone with a login and sockets on both hubs, the first of which has joined the conversation."""

    caller: Caller
    sockets: tuple[Chatter, Chatter]

    @property
    def id(self) -> UUID:
        return UUID(self.caller.id)


@dataclass
class Group:
    """A conversation of Ann, who owns it, Bob and Eve."""

    env: Environment
    api: Api
    id: str
    ann: Person
    bob: Person
    eve: Person
    first: str  # the id of a message

    @property
    def path(self) -> str:
        return f"/conversations/{self.id}"

    async def heard(self, person: Person) -> None:
        """Return when the person's sockets have heard all that was told before."""
        for socket in person.sockets:
            self.env.publisher.emit_encoded([person.id], "test:mark", b"{}")
            await socket.heard.next("test:mark")

    async def remove_eve(self) -> None:
        assert (await self.ann.caller.delete(f"{self.path}/members/{self.eve.id}")).status == 204
        for socket in self.eve.sockets:
            assert not (await socket.heard.next("conversation:members"))["isMember"]
            # What the hub has of the members is read anew: refused means that she is out.
            async with asyncio.timeout(PATIENCE):
                while "NOT_A_MEMBER" not in str(await self.typing(socket)):
                    pass

    async def typing(self, socket: Chatter) -> Any:
        return await socket.call("conversation:typing", conversationId=self.id, isTyping=True)

    async def goes_on(self) -> None:
        """Do everything that can happen in a conversation, with the marker wherever there is text."""
        zoe = await self.api.signed_up("talent", f"Zoe {LATER}")
        assert (await self.ann.caller.post(f"{self.path}/members", userIds=[zoe.id])).status == 200
        bob = self.bob.caller
        sent = await bob.post(f"{self.path}/messages", content=f"{LATER}!", mentions=[str(self.ann.id)])
        assert sent.status == 201, sent.body
        assert (await self.ann.caller.put(f"{self.path}/messages/{self.first}", content=f"{LATER}?")).status == 200
        assert (await bob.call("PUT", f"{self.path}/messages/{self.first}/reactions/🎉")).status == 200
        assert (await bob.put(f"{self.path}/read", messageId=sent.body["id"])).status == 204
        await notify_members(self.env.resources, self.env.publisher, [UUID(self.id)])
        assert LATER in (await self.ann.sockets[0].heard.next("conversation:updated"))["preview"]


async def person(env: Environment, caller: Caller, hubs: tuple[str, str]) -> Person:
    user = await logins.authenticate(env.resources, "onswift", caller.access_token)
    chatters = [Chatter(user, caller.access_token, hub) for hub in hubs]
    for chatter in chatters:
        env.stack.push_async_callback(chatter.socket.disconnect)
        await chatter.connect()
    return Person(caller, (chatters[0], chatters[1]))


@pytest.fixture
async def group(api: Api, env: Environment, two_hubs: tuple[str, str]) -> Group:
    ann, bob, eve = [
        await person(env, await api.signed_up(role, name), two_hubs)
        for role, name in (("creator", "Ann"), ("talent", "Bob"), ("talent", "Eve"))
    ]
    made = await ann.caller.post("/conversations/groups", title="Group", participantIds=[str(bob.id), str(eve.id)])
    id = made.body["id"]
    first = (await ann.caller.post(f"/conversations/{id}/messages", content="Hello")).body["id"]
    await notify_members(env.resources, env.publisher, [UUID(id)])
    await eve.sockets[1].heard.next("conversation:updated")
    for member in (ann, bob, eve):
        assert "error" not in await member.sockets[1].join(UUID(id))
    return Group(env, api, id, ann, bob, eve, first)


def numbers_in(answer: Any, of: str) -> list[int]:
    """Return what an answer counts in a conversation."""
    if isinstance(answer, list):
        return [number for one in answer for number in numbers_in(one, of)]
    if not isinstance(answer, dict):
        return []
    own = (
        [answer[name] for name in NUMBERS & set(answer)]
        if of in (answer.get("conversationId"), answer.get("id"))
        else []
    )
    return own + [number for one in answer.values() for number in numbers_in(one, of)]


async def asked(group: Group, cursors: tuple[str, str]) -> dict[str, Any]:
    """Ask for everything that Eve can ask for, and return the answers."""
    eve, answers = group.eve.caller, dict[str, Any]()
    ids = {"conversationId": group.id, "messageId": group.first, "userId": str(group.eve.id)}
    for route in ROUTES:
        path = re.sub(r"{(\w+)}", lambda name: ids.get(name[1], NOWHERE), route.path)
        query = {"cursor": cursors[0]} if path == "/api/sync" else {}
        if route.method == "GET":
            answers[f"GET {path}"] = (await eve.get(path.removeprefix("/api"), **query)).body
    about = {"messageId": group.first}
    answers["page"] = (await eve.get(f"{group.path}/messages", before=group.first)).body
    answers["edit"] = (await eve.put(f"{group.path}/messages/{group.first}", content="x")).body
    answers["react"] = (await eve.call("PUT", f"{group.path}/messages/{group.first}/reactions/👍")).body
    answers["send"] = (await eve.post(f"{group.path}/messages", content="x")).body
    answers["read"] = (await eve.put(f"{group.path}/read", **about)).body
    for hub, socket in enumerate(group.eve.sockets):
        answers[f"sync on {hub}"] = await socket.call("sync", cursor=cursors[1])
        answers[f"join on {hub}"] = await socket.join(UUID(group.id), since=0)
        answers[f"page on {hub}"] = await socket.join(UUID(group.id), limit=50)
        answers[f"send on {hub}"] = await socket.send(UUID(group.id), "x")
        answers[f"read on {hub}"] = await socket.call("conversation:read", conversationId=group.id, **about)
        answers[f"edit on {hub}"] = await socket.call("message:edit", conversationId=group.id, content="x", **about)
        answers[f"react on {hub}"] = await socket.call("message:react", conversationId=group.id, emoji="🎉", **about)
    return answers


def pid_of(group: Group, user_id: UUID) -> str:
    """Return what a socket of the second hub is recovered by."""
    return group.env.hubs[1]._gateway._users.of(user_id.bytes)[0].pid


async def test_a_removed_member_learns_nothing_of_what_came_later(group: Group, two_hubs: tuple[str, str]) -> None:
    eve = group.eve
    cursors = ((await eve.caller.get("/sync")).body["cursor"], (await eve.sockets[0].call("sync"))["cursor"])
    pid = pid_of(group, eve.id)
    before = [number for answer in (await asked(group, cursors)).values() for number in numbers_in(answer, group.id)]
    await group.remove_eve()
    heard = [len(socket.heard.events) for socket in eve.sockets]

    await group.goes_on()
    await group.heard(eve)

    answers = await asked(group, cursors)
    back = Chatter(eve.sockets[0].user, eve.caller.access_token, two_hubs[0])
    group.env.stack.push_async_callback(back.socket.disconnect)
    await back.socket.connect(back.url, auth={"token": back.token, "pid": pid, "offset": "0"}, transports=["websocket"])
    await group.heard(Person(eve.caller, (back, eve.sockets[1])))
    answers["recovery"] = back.heard.events
    answers["events"] = [socket.heard.events[since:] for socket, since in zip(eve.sockets, heard, strict=True)]
    for name, answer in answers.items():
        assert LATER not in msgspec.json.encode(answer).decode(), name
        assert max(numbers_in(answer, group.id), default=0) <= max(before), name
    seen = (await group.bob.caller.get(f"{group.path}/messages")).body
    assert LATER in str(seen), "Bob, who has stayed, sees it"
    (told,) = answers["GET /api/sync"]["conversations"]
    assert (told["isMember"], told["version"], told["unreadCount"], told["positions"]) == (False, 0, 0, [])


async def test_who_comes_back_into_a_group_sees_all_of_it(group: Group) -> None:
    await group.remove_eve()
    await group.goes_on()
    cursor = (await group.eve.caller.get("/sync")).body["cursor"]
    assert (await group.ann.caller.post(f"{group.path}/members", userIds=[str(group.eve.id)])).status == 200
    history = (await group.eve.caller.get(f"{group.path}/messages")).body
    assert [one["content"] for one in history["messages"] if one["kind"] == "text"] == [f"{LATER}?", f"{LATER}!"]
    (told,) = (await group.eve.caller.get("/sync", cursor=cursor)).body["conversations"]
    assert told["isMember"]


async def test_the_export_of_who_has_left_names_no_conversation_by_what_it_is_called_later(people: People) -> None:
    assert (await people.talent.post(f"{people.path}/conversations")).status == 201
    assert (await people.creator.delete(f"{people.path}/team/{people.talent.id}")).status == 204
    assert (await people.creator.put(people.path, name=LATER)).status == 200
    assert LATER in str((await people.creator.get("/conversations")).body)
    export = (await people.talent.get("/users/me/export")).body
    assert (len(export["data"]["conversations"]), LATER in str(export)) == (1, False)


async def test_a_talent_who_has_left_sees_no_later_changes_of_their_work(people: People) -> None:
    desk = await desk_of(people)
    before, after = [await desk.submitted() for _ in range(2)]
    await desk.revise(before)
    done = (await people.creator.post(f"{people.path}/tasks", **NEW_TASK, assigneeId=people.talent.id)).body["id"]
    assert (await people.talent.put(f"{people.path}/tasks/{done}", status="completed")).status == 200
    assert (await people.creator.delete(f"{people.path}/team/{people.talent.id}")).status == 200, "open tasks are named"
    numbers = (await people.talent.get("/analytics/talent")).body
    body = {"action": "request_revision", "feedback": LATER}
    assert (await people.creator.put(after, **body)).status == 200
    assert (await people.creator.put(f"{people.path}/tasks/{done}", name=LATER)).status == 200
    export = (await people.talent.get("/users/me/export")).body
    assert LATER not in str(export)
    assert [(one["title"], one["feedback"]) for one in export["data"]["deliverables"]] == [
        ("First draft", "Warmer, please"), ("First draft", None),
    ]  # fmt: skip
    assert (await people.talent.get("/analytics/talent")).body == numbers
    assert numbers["deliverables"] == {"total": 2, "pending": 1, "approved": 0, "revision": 1}


async def test_the_export_has_the_title_of_a_group_that_its_user_has_made_and_left(api: Api, env: Environment) -> None:
    ann, bob = await api.signed_up(), await api.signed_up("talent")
    assert (await ann.post("/conversations", participantId=bob.id)).status == 201
    group = (await ann.post("/conversations/groups", title="Planning", participantIds=[bob.id])).body["id"]
    assert (await ann.delete(f"/conversations/{group}/members/{ann.id}")).status == 204
    rows = (await ann.get("/users/me/export")).body["data"]["conversations"]
    assert [one["title"] for one in rows if one["id"] == group] == ["Planning"]
