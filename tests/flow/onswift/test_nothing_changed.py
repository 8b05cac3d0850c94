"""What changes nothing takes no version, writes no row and tells nobody; the answer is that of the change."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from tests.flow.api.conftest import Caller, Reply
from tests.flow.conftest import Environment
from tests.flow.onswift.conftest import People

STAMP = "select md5(coalesce(string_agg(ctid::text || xmin::text, '' order by ctid), '')) from {}"


async def rows(env: Environment) -> dict[str, str]:
    """Return where the rows of each table lie and who wrote them: an update moves a row even to the same values."""
    db = env.resources.db
    names = await db.fetch(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('public', 'onswift')"
    )
    return {name: await db.fetchval(STAMP.format(name)) for (name,) in names}


class Told:
    """What the API tells people of."""

    def __init__(self, env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[str] = []
        publisher = env.publisher
        monkeypatch.setattr(publisher, "changed", lambda _id, _version, event: self.events.append(event.name))
        monkeypatch.setattr(publisher, "signal", lambda _id, event: self.events.append(event.name))
        monkeypatch.setattr(publisher, "emit_encoded", lambda _users, name, _payload: self.events.append(name))

    def take(self) -> list[str]:
        taken, self.events = self.events, []
        return taken


async def twice(caller: Caller, method: str, path: str, body: Any) -> tuple[Reply, Reply]:
    """Make a call twice at once."""
    return await asyncio.gather(caller.call(method, path, json=body), caller.call(method, path, json=body))


async def test_of_two_equal_changes_at_once_one_counts_and_a_third_changes_nothing(
    people: People, env: Environment, monkeypatch: pytest.MonkeyPatch, generous: None
) -> None:
    ann, bob = people.creator, people.talent
    pair = (await ann.post("/conversations", participantId=bob.id)).body["id"]
    group = (await ann.post("/conversations/groups", title="Team", participantIds=[bob.id])).body["id"]
    await bob.accept_all()
    await bob.post(f"/projects/{people.project}/conversations")
    path = f"/conversations/{pair}"
    said = [(await ann.post(f"{path}/messages", content=text)).body["id"] for text in ("one", "two", "three")]
    new_task = {"name": "Cut", "description": "x", "assigneeId": bob.id, "dueDate": "2999-12-30"}
    task = (await ann.post(f"{people.path}/tasks", **new_task)).body["id"]
    assert (await ann.put(people.path, status="completed")).status == 200
    review = {"talentId": bob.id, "projectId": people.project, "rating": 4, "text": "Good work"}
    reviewed = (await ann.post("/reviews", **review)).body["id"]
    notice = (await bob.get("/notifications")).body["notifications"][0]["id"]
    device = {"platform": "fcm", "token": "a-token"}
    preferences = {"preferences": [{"type": "task_assigned", "email": False}, {"type": "mentioned"}]}
    message = f"{path}/messages/{said[0]}"
    changes: list[tuple[Caller, str, str, Any, list[str]]] = [
        (ann, "PUT", message, {"content": "eins"}, ["message:edited"]),
        (bob, "PUT", f"{message}/reactions/🎉", None, ["message:reacted"]),
        (bob, "DELETE", f"{message}/reactions/🎉", None, ["message:reacted"]),
        (ann, "DELETE", message, None, ["message:deleted"]),
        (bob, "PUT", f"{path}/read", {"messageId": said[2]}, ["conversation:read"]),
        (bob, "PUT", f"{path}/read", {"messageId": said[1]}, []),
        (ann, "POST", f"/projects/{people.project}/conversations", None, []),
        (ann, "POST", "/conversations", {"participantId": bob.id}, []),
        (ann, "POST", f"/conversations/{group}/members", {"userIds": [bob.id]}, []),
        (bob, "PUT", "/notifications/preferences", preferences, []),
        (bob, "PUT", f"/notifications/{notice}/read", None, []),
        (bob, "PUT", "/notifications/read-all", None, []),
        (bob, "POST", "/notifications/devices", device, []),
        (bob, "PUT", "/users/me", {"bio": "I cut", "skills": ["Video Editing"], "hourlyRate": 20.5}, []),
        (bob, "PUT", "/users/me", {"name": "Rob"}, ["user:updated"]),
        (ann, "PUT", f"{people.path}/tasks/{task}", {"name": "Cut it"}, ["task:updated"]),
        (ann, "PUT", people.path, {"name": "Feature", "description": "A long one"}, []),
        (ann, "PUT", f"/reviews/{reviewed}", {"rating": 5}, []),
    ]
    told = Told(env, monkeypatch)
    for caller, method, where, body, events in changes:
        first = await twice(caller, method, where, body)
        assert all(reply.status < 300 for reply in first), (method, where, first)
        assert told.take() == events, (method, where)
        before = await rows(env)
        again = await twice(caller, method, where, body)
        assert told.take() == [], (method, where)
        assert await rows(env) == before, (method, where)
        assert {str(reply.body) for reply in again} == {str(first[1].body)}, (method, where)
        assert {reply.status for reply in again} <= {reply.status for reply in first}, (method, where)


async def test_what_changes_nothing_takes_no_version(people: People, env: Environment) -> None:
    ann, bob = people.creator, people.talent
    pair = (await ann.post("/conversations", participantId=bob.id)).body["id"]
    path = f"/conversations/{pair}/messages"
    id = (await ann.post(path, content="one")).body["id"]

    async def version() -> int:
        number: int = await env.resources.db.fetchval("select version from conversations where id = $1", UUID(pair))
        return number

    assert await version() == 1
    for _ in range(2):
        await asyncio.gather(*(bob.delete(f"{path}/{id}/reactions/🎉") for _ in range(3)))
        assert (await ann.put(f"{path}/{id}", content="one")).body["isEdited"] is False
    assert await version() == 1
    given = await asyncio.gather(*(bob.put(f"{path}/{id}/reactions/🎉") for _ in range(3)))
    assert [reply.body["version"] for reply in given] == [2, 2, 2]
    await asyncio.gather(*(ann.put(f"{path}/{id}", content="two") for _ in range(3)))
    assert await version() == 3
    await asyncio.gather(*(ann.delete(f"{path}/{id}") for _ in range(3)))
    assert await version() == 4
    assert (await bob.delete(f"{path}/{id}/reactions/🎉")).code == "MESSAGE_NOT_FOUND"
