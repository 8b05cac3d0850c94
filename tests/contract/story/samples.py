"""Samples."""

from tests.contract.story.tasks import shared_project
from tests.contract.story.telling import Story
from tests.flow.onswift.delivering import uploaded

SAMPLES = "/api/projects/{projectId}/samples"


async def tell(story: Story) -> None:
    """Say what a project shall be like."""
    ann, bob = story.ann, story.bob
    project = await shared_project(story)
    link = {"name": "Reference", "type": "link", "url": "https://example.com/ref", "description": "Like this"}
    await story.make(ann, "POST", SAMPLES, project, **link)
    url = await uploaded(ann, "sample")
    file = {"name": "Guide", "type": "file", "fileUrl": url, "description": "Our colours"}
    sample = await story.make(ann, "POST", SAMPLES, project, **file)
    await story.make(bob, "GET", SAMPLES, project)
    await story.make(ann, "DELETE", SAMPLES + "/{sampleId}", project, sample["id"])
