"""The story of the bazaar's moderators."""

from dataclasses import replace

from core.base.ids import BigintIds
from tests.bazaar.capabilities.review import TASK
from tests.contract.story.matrix import ONE_ROLE, THEIRS
from tests.contract.story.telling import Story
from tests.flow.api.conftest import Caller

MATRIX: dict[tuple[str, str], str] = {
    ("POST", "/listings/{listing_id}/submit"): THEIRS,
    ("GET", "/review/tasks"): ONE_ROLE,
    ("POST", "/review/tasks/next"): ONE_ROLE,
    ("POST", "/review/tasks/decide"): ONE_ROLE,
    ("GET", TASK): ONE_ROLE,
    ("POST", TASK + "/take"): ONE_ROLE,
    ("POST", TASK + "/release"): ONE_ROLE,
    ("POST", TASK + "/decide"): ONE_ROLE,
    ("POST", TASK + "/notes"): ONE_ROLE,
    ("GET", "/review/statistics"): ONE_ROLE,
    ("POST", TASK + "/appeal"): THEIRS,
}


async def tell(story: Story) -> None:
    """Have a listing held, rejected, and appealed."""
    ann, mod = story.ann, await moderator(story)
    listings = [(await story.make(ann, "POST", "/listings", title="Rug", price_cents=n))["data"]["id"] for n in (1, 2)]
    for id in listings:
        await story.make(ann, "POST", "/listings/{listing_id}/submit", id)
    await story.call(mod, "GET", "/review/tasks", params={"kind": "listing"})
    taken = await story.call(mod, "POST", "/review/tasks/next", params={"kind": "listing"})
    first = taken["data"]["task"]["id"]
    await story.make(mod, "GET", TASK, first)
    await story.make(mod, "POST", TASK + "/notes", first, text="Looks odd")
    await story.make(mod, "POST", TASK + "/release", first)
    await story.make(mod, "POST", TASK + "/take", first)
    await story.make(mod, "POST", TASK + "/decide", first, decision="reject", note="Not a rug")
    await story.make(mod, "POST", "/review/tasks/decide", ids=[first], decision="reject")
    await story.make(mod, "GET", "/review/statistics")
    await story.make(ann, "POST", TASK + "/appeal", first, reason="It is a rug")


async def moderator(story: Story, name: str = "Mo") -> Caller:
    """Return somebody whom the bazaar has made a moderator."""
    api = story.api
    one = await api.signed_up("buyer", name)
    user_id = BigintIds("bazaar").taken(one.id)
    await story.env.resources.db.execute("update users set role = 'moderator' where id = $1::text::uuid", user_id)
    return replace(api.logged_in(await api.log_in(one.email)), headers=one.headers)
