"""Reviews."""

from tests.contract.story.telling import Story

PROJECT = "/api/projects/{projectId}"
REVIEW = "/api/reviews/{reviewId}"


async def tell(story: Story) -> None:
    """Complete a project together and say how it was."""
    ann, bob = story.ann, story.bob
    new = {"name": "Ad", "description": "For shoes", "dueDate": "2999-12-31"}
    project = (await story.make(ann, "POST", "/api/projects", **new))["id"]
    await story.make(ann, "POST", PROJECT + "/team", project, userId=bob.id)
    await story.make(ann, "PUT", PROJECT, project, status="completed")
    said = {"talentId": bob.id, "projectId": project, "rating": 4, "text": "On time"}
    review = (await story.make(ann, "POST", "/api/reviews", **said))["id"]
    await story.make(ann, "PUT", REVIEW, review, rating=5)
    await story.make(story.api.anyone, "GET", "/api/users/{userId}/reviews", bob.id)
    await story.make(ann, "DELETE", REVIEW, review)
