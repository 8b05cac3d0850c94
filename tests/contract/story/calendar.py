"""The calendar and its feed."""

from urllib.parse import urlsplit

from tests.contract.story.tasks import shared_project
from tests.contract.story.telling import Story


async def tell(story: Story) -> None:
    """Look at what is due, and subscribe to it."""
    bob = story.bob
    project = await shared_project(story)
    await story.ann.post(f"/projects/{project}/tasks", name="Cut", dueDate="2999-12-30", assigneeId=bob.id)
    await story.call(bob, "GET", "/api/calendar", params={"from": "2999-12-01"})
    await story.make(bob, "GET", "/api/calendar/feed")
    feed = await story.make(bob, "POST", "/api/calendar/feed")
    token = urlsplit(feed["url"]).query.removeprefix("token=")
    await story.call(story.api.anyone, "GET", "/api/calendar.ics", params={"token": token})
