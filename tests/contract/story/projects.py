"""Projects and their teams."""

from tests.contract.story.telling import Story

PROJECT = "/api/projects/{projectId}"


async def tell(story: Story) -> None:
    """Make a project, have someone in its team for a while, and delete it."""
    ann, bob = story.ann, story.bob
    new = {"name": "Film", "description": "A short one", "dueDate": "2999-12-31"}
    project = (await story.make(ann, "POST", "/api/projects", **new))["id"]
    await story.make(ann, "POST", PROJECT + "/team", project, userId=bob.id, role="Editor")
    await story.make(bob, "GET", "/api/projects")
    await story.make(bob, "GET", PROJECT, project)
    await story.make(ann, "PUT", PROJECT, project, status="in-progress")
    await story.make(ann, "DELETE", PROJECT + "/team/{userId}", project, bob.id)
    await ann.post(f"/projects/{project}/team", userId=bob.id)
    await ann.post(f"/projects/{project}/tasks", name="Cut", dueDate="2999-12-30", assigneeId=bob.id)
    await story.make(ann, "DELETE", PROJECT + "/team/{userId}", project, bob.id)  # who has an open task
    await ann.post(f"/projects/{project}/team", userId=bob.id)
    await story.make(bob, "DELETE", PROJECT + "/team/me", project)
    await story.make(ann, "DELETE", PROJECT, project)
