"""Profiles."""

from tests.contract.story.telling import Story
from tests.flow.api.conftest import PASSWORD

WORK = {
    "professionalTitle": "Editor", "bio": "I edit.", "skills": ["Video Editing", "Figma"], "hourlyRate": 75.00,
    "portfolioLinks": ["https://portfolio.com"], "availability": "available_now", "linkedinUrl": "https://linkedin.com/in/bob",
}  # fmt: skip


async def tell(story: Story) -> None:
    """Describe oneself, look at each other, search."""
    ann, bob = story.ann, story.bob
    await story.make(bob, "PUT", "/api/users/me", **WORK)
    await story.make(bob, "GET", "/api/users/me")
    await story.make(ann, "GET", "/api/users/{userId}", bob.id)
    await story.call(ann, "GET", "/api/users/search", params={"q": "editor", "skills[]": "Figma"})
    await story.make(story.api.anyone, "GET", "/api/skills")
    await story.make(bob, "GET", "/api/users/me/export")
    await story.make(await story.api.signed_up(), "DELETE", "/api/users/me", password=PASSWORD)
