"""Tasks of a project."""

from tests.contract.story.telling import Story

PROJECT = {"name": "Film", "description": "A short one", "dueDate": "2999-12-31"}
TASKS = "/api/projects/{projectId}/tasks"
TASK = TASKS + "/{taskId}"


async def tell(story: Story) -> None:
    """Give someone a task, have it done, talk about it, and delete it."""
    ann, bob = story.ann, story.bob
    project = await shared_project(story)
    new = {"name": "Storyboard", "description": "Design it", "dueDate": "2999-10-15", "assigneeId": bob.id}
    task = (await story.make(ann, "POST", TASKS, project, **new))["id"]
    await story.make(bob, "PUT", TASK, project, task, status="completed")
    await story.make(bob, "GET", TASK, project, task)
    await story.make(bob, "GET", TASKS, project)
    await story.make(bob, "GET", "/api/tasks")
    await story.make(ann, "GET", "/api/analytics/creator")
    await story.make(bob, "GET", "/api/analytics/talent")
    for _ in range(2):
        await story.make(bob, "POST", "/api/projects/{projectId}/conversations", project)
    comment = await story.make(bob, "POST", TASK + "/comments", project, task, content="Done!", mentions=[ann.id])
    await story.make(ann, "GET", TASK + "/comments", project, task)
    await story.make(bob, "DELETE", TASK + "/comments/{commentId}", project, task, comment["id"])
    await story.make(ann, "DELETE", TASK, project, task)


async def shared_project(story: Story) -> str:
    """Return a project of Ann's with Bob in its team."""
    id: str = (await story.ann.post("/projects", **PROJECT)).body["id"]
    await story.ann.post(f"/projects/{id}/team", userId=story.bob.id)
    return id
