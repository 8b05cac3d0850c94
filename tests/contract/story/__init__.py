"""One story that makes every call of OnSwift, successfully, and keeps the answers; a chapter for each area."""

from collections.abc import Callable

from tests.contract.story import (
    auth,
    calendar,
    conversations,
    deliverables,
    files,
    projects,
    reviews,
    samples,
    tasks,
    users,
)
from tests.contract.story.telling import Story
from tests.flow.api.conftest import Api
from tests.flow.conftest import Environment

CHAPTERS = (auth, users, files, conversations, projects, tasks, calendar, deliverables, samples, reviews)


async def tell_story(api: Api, env: Environment, make: Callable[..., Story] = Story) -> Story:
    """Make every call at least once."""
    ann, bob = await api.signed_up("creator", "Ann"), await api.signed_up("talent", "Bob")
    story = make(api, env, ann, bob, await api.signed_up("talent", "Eve"))
    # They do in seconds what others do in months.
    env.resources.limits._raised = {one.id: 10 for one in (ann, bob)}
    for chapter in CHAPTERS:
        await chapter.tell(story)
    await story.make(api.anyone, "GET", "/api/health")
    return story
