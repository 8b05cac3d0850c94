"""A task that someone works on, and what is handed in for it."""

from dataclasses import dataclass
from typing import Any

from tests.flow.api.conftest import Caller, Reply
from tests.flow.onswift.conftest import People
from tests.flow.onswift.uploading import image, upload

NEW_TASK = {"name": "Poster", "description": "A2", "dueDate": "2999-12-31"}


async def uploaded(caller: Caller, purpose: str = "deliverable") -> str:
    """Return the address of a file that a caller has uploaded."""
    url: str = (await upload(caller, image(), fileName="poster.png", uploadType=purpose))["fileUrl"]
    return url


@dataclass
class Desk:
    """The people, and a task of the talent's."""

    people: People
    task: str

    @property
    def creator(self) -> Caller:
        return self.people.creator

    @property
    def talent(self) -> Caller:
        return self.people.talent

    async def submit(self, **change: Any) -> Reply:
        """Submit work on the task as the talent."""
        new = {
            "projectId": self.people.project,
            "taskId": self.task,
            "title": "First draft",
            "description": "@Ann look",
        }
        if "fileUrls" not in change:
            change["fileUrls"] = [await uploaded(self.talent)]
        return await self.talent.post("/deliverables", **new | change)

    async def submitted(self) -> str:
        """Submit work on the task and return its path."""
        reply = await self.submit()
        assert reply.status == 201, reply
        return f"/deliverables/{reply.body['id']}"

    async def approve(self, path: str, **headers: str) -> Reply:
        return await self.creator.call("PUT", path, json={"action": "approve"}, headers=headers)

    async def revise(self, path: str, **headers: str) -> Reply:
        body = {"action": "request_revision", "feedback": "Warmer, please"}
        return await self.creator.call("PUT", path, json=body, headers=headers)

    async def resubmit(self, path: str, **change: Any) -> Reply:
        return await self.talent.post(f"{path}/resubmit", **change)


async def desk_of(people: People) -> Desk:
    """Return the people with a task for the talent."""
    reply = await people.creator.post(f"{people.path}/tasks", **NEW_TASK, assigneeId=people.talent.id)
    assert reply.status == 201, reply
    return Desk(people, reply.body["id"])
