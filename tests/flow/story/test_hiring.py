"""OnSwift's document from end to end, by a client that knows only its text, against `greenroom dev`."""

import asyncio
import io
import os
import signal
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio

from tests.flow.story.test_story import start

PATIENCE = 20.0
PASSWORD = "Correct-horse-7"


def picture(width: int = 40, height: int = 30) -> bytes:
    """Return a PNG, made by hand: the client has no library of ours."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack("!I", len(content)) + kind + content + struct.pack("!I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + b"\x20\x90\x90" * width for _ in range(height))
    head = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Person:
    """Someone with a browser: REST with a Bearer token, and a socket."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self.http = http
        self.headers: dict[str, str] = {}
        self.me: dict[str, Any] = {}
        self.events: list[tuple[str, Any]] = []
        self.news = asyncio.Event()
        self.socket = socketio.AsyncClient(reconnection=False)
        self.socket.on("*", self.hear)

    def hear(self, name: str, payload: Any) -> None:
        self.events.append((name, payload))
        self.news.set()

    async def heard(self, name: str) -> Any:
        """Return the first event of this name, taken off the list, when it comes."""
        async with asyncio.timeout(PATIENCE):
            while not any(event == name for event, _ in self.events):
                self.news.clear()
                await self.news.wait()
        place = next(place for place, (event, _) in enumerate(self.events) if event == name)
        return self.events.pop(place)[1]

    async def call(self, method: str, path: str, expected: int = 200, **options: Any) -> Any:
        async with self.http.request(method, f"{self.url}/api{path}", headers=self.headers, **options) as answer:
            assert answer.status == expected, (method, path, answer.status, await answer.text())
            return await answer.json() if answer.content_type == "application/json" else await answer.read()

    async def sign_up(self, name: str, user_type: str, **more: str) -> None:
        account = {"email": f"{name.lower()}@example.com", "password": PASSWORD, "name": name, "userType": user_type}
        body = await self.call("POST", "/auth/signup", 201, json=account | more)
        self.me, token = body["user"], body["accessToken"]
        self.headers = {"Authorization": f"Bearer {token}"}
        await self.socket.connect(self.url, auth={"token": token}, transports=["websocket"])
        await self.socket.emit("join:user", {"userId": self.me["id"]})


@pytest.fixture
async def server(free_port: int, tmp_path: Path) -> AsyncIterator[str]:
    folder = tmp_path / "data"
    process = await start(free_port, folder)
    yield f"http://127.0.0.1:{free_port}"
    os.killpg(process.pid, signal.SIGTERM)
    await process.wait()


@pytest.fixture
async def people(server: str) -> AsyncIterator[tuple[Person, Person]]:
    async with aiohttp.ClientSession() as http:
        ann, bob = Person(server, http), Person(server, http)
        await ann.sign_up("Ann", "creator", companyName="Future Funk")
        await bob.sign_up("Bob", "talent")
        yield ann, bob
        for one in (ann, bob):
            await one.socket.disconnect()


async def hire(ann: Person, bob: Person) -> tuple[str, str]:
    """Fill in a profile, find it, make a project, a team and a task; return the ids of project and task."""
    skills = (await bob.call("GET", "/skills"))["skills"][:2]
    names = [one["name"] if isinstance(one, dict) else one for one in skills]
    profile = {"professionalTitle": "Video Editor", "bio": "Ten years of film", "skills": names, "hourlyRate": 75}
    await bob.call("PUT", "/users/me", json=profile | {"availability": "available_now"})
    found = await ann.call("GET", "/users/search", params={"q": "video editor", "minRate": 50, "maxRate": 100})
    assert [one["id"] for one in found["users"]] == [bob.me["id"]]
    assert (await ann.call("GET", f"/users/{bob.me['id']}"))["professionalTitle"] == "Video Editor"
    new = {"name": "Brand Collab", "description": "A music video", "dueDate": "2999-10-24"}
    project = (await ann.call("POST", "/projects", 201, json=new))["id"]
    member = {"userId": bob.me["id"], "role": "Video Editor"}
    await ann.call("POST", f"/projects/{project}/team", 201, json=member)
    task = {"name": "Create storyboard", "assigneeId": bob.me["id"], "dueDate": "2999-10-15"}
    made = await ann.call("POST", f"/projects/{project}/tasks", 201, json=task)
    assert (await bob.heard("task:assigned"))["task"]["id"] == made["id"]
    return project, made["id"]


def form(**fields: Any) -> aiohttp.FormData:
    """Return a multipart form; bytes become files."""
    data = aiohttp.FormData()
    for name, value in fields.items():
        if isinstance(value, bytes):
            data.add_field(f"{name}[]", io.BytesIO(value), filename="logo.png", content_type="image/png")
        else:
            data.add_field(name, value)
    return data


async def work(ann: Person, bob: Person, project: str, task: str) -> None:
    """Submit, be asked to revise three times and no more, be approved."""
    path = f"/projects/{project}/tasks/{task}"
    await bob.call("PUT", path, json={"status": "in-progress"})
    assert (await ann.heard("task:status_changed"))["status"] == "in-progress"
    await bob.call("PUT", path, 403, json={"name": "Something easier"})
    fields = {"projectId": project, "taskId": task, "title": "Final Logo", "description": "Here it is, @Ann"}
    made = await bob.call("POST", "/deliverables", 201, data=form(**fields, files=picture()))
    deliverable = f"/deliverables/{made['id']}"
    assert (await ann.heard("deliverable:submitted"))["deliverable"]["id"] == made["id"]
    for count in (1, 2, 3):
        ask = {"action": "request_revision", "feedback": f"Warmer, {count}"}
        revised = await ann.call("PUT", deliverable, json=ask)
        assert revised["status"] == "revision"
        assert (await bob.heard("deliverable:revision_requested"))["feedback"] == f"Warmer, {count}"
        await bob.call("POST", f"{deliverable}/resubmit", data=form(files=picture(40 + count)))
    await ann.call("PUT", deliverable, 400, json={"action": "request_revision", "feedback": "Once more"})
    approved = await ann.call("PUT", deliverable, json={"action": "approve"})
    assert (approved["status"], approved["approvedBy"]["id"]) == ("approved", ann.me["id"])
    assert (await bob.heard("deliverable:approved"))["deliverableId"] == made["id"]
    await download(ann, (await ann.call("GET", deliverable))["files"][0]["id"])
    await bob.call("PUT", path, json={"status": "completed"})
    await ann.call("PUT", f"/projects/{project}", json={"status": "completed"})


async def download(person: Person, file: str) -> None:
    """Get a file, once the checks have let it through."""
    async with asyncio.timeout(PATIENCE):
        while True:
            async with person.http.get(f"{person.url}/api/files/{file}/download-url", headers=person.headers) as answer:
                if answer.status == 200:
                    link = await answer.json()
                    break
            await asyncio.sleep(0.2)  # a worker checks it in another task: nothing tells a mere reader
    assert link["expiresIn"] == 3600
    async with person.http.get(link["downloadUrl"]) as answer:
        assert (answer.status, answer.content_type) == (200, "image/png")
        assert (await answer.read())[:4] == b"\x89PNG"


async def part(ann: Person, bob: Person, project: str) -> None:
    """Review, talk, look at what has come, take one's data along and leave."""
    review = {"talentId": bob.me["id"], "projectId": project, "rating": 5, "text": "Excellent work!"}
    await ann.call("POST", "/reviews", 201, json=review)
    await ann.call("POST", "/reviews", 400, json=review)
    reviews = await bob.call("GET", f"/users/{bob.me['id']}/reviews")
    assert (reviews["averageRating"], reviews["totalReviews"], reviews["reviewDistribution"]["5"]) == (5.0, 1, 1)
    pair = (await ann.call("POST", "/conversations", 201, json={"participantId": bob.me["id"]}))["id"]
    for one in (ann, bob):
        await one.socket.call("join:conversation", {"conversationId": pair}, timeout=10)
    await ann.socket.call("message:send", {"conversationId": pair, "content": "Thank you!"}, timeout=10)
    assert (await bob.heard("message:received"))["message"]["content"] == "Thank you!"
    types = {one["type"] for one in (await bob.call("GET", "/notifications", params={"limit": 100}))["notifications"]}
    expected = {
        "task_assigned",
        "revision_requested",
        "deliverable_approved",
        "project_status_changed",
        "review_received",
    }
    assert expected <= types
    exported = str(await bob.call("GET", "/users/me/export"))
    assert "bob@example.com" in exported
    assert "Final Logo" in exported
    await bob.call("DELETE", "/users/me", 204)
    await bob.call("GET", "/users/me", 401)
    found = await ann.call("GET", "/users/search", params={"q": "video editor"})
    assert found["users"] == []


async def test_a_creator_hires_a_talent_who_works_is_reviewed_and_leaves(people: tuple[Person, Person]) -> None:
    ann, bob = people
    project, task = await hire(ann, bob)
    await work(ann, bob, project, task)
    await part(ann, bob, project)
