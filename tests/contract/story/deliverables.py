"""Deliverables."""

from tests.contract.story.tasks import TASKS, shared_project
from tests.contract.story.telling import Story
from tests.flow.onswift.delivering import uploaded

DELIVERABLES = "/api/deliverables"
DELIVERABLE = DELIVERABLES + "/{deliverableId}"


async def tell(story: Story) -> None:
    """Hand something in, send it back, hand it in again, approve it."""
    ann, bob = story.ann, story.bob
    project = await shared_project(story)
    new = {"name": "Poster", "description": "A2", "dueDate": "2999-10-15", "assigneeId": bob.id}
    task = (await story.make(ann, "POST", TASKS, project, **new))["id"]
    submission = {"projectId": project, "taskId": task, "title": "Draft", "description": "@Ann look"}
    id = (await story.make(bob, "POST", DELIVERABLES, **submission, fileUrls=[await uploaded(bob)]))["id"]
    await story.make(ann, "PUT", DELIVERABLE, id, action="request_revision", feedback="Warmer, please")
    await story.make(ann, "GET", DELIVERABLE, id)
    await story.make(bob, "POST", DELIVERABLE + "/resubmit", id, title="Second draft")
    await story.make(ann, "PUT", DELIVERABLE, id, action="approve")
    await story.make(ann, "GET", DELIVERABLES)
    await story.make(bob, "GET", DELIVERABLES)
    await story.make(ann, "DELETE", DELIVERABLE, id)
