"""The story of the bazaar's tickets, quotas and what is near."""

from core.base.ids import BigintIds
from tests.bazaar.capabilities.tickets import TICKET
from tests.contract.story.matrix import EVERYBODY, ONE_ROLE, OWN, THEIRS
from tests.contract.story.telling import Story
from tests.flow.api.conftest import Caller

MATRIX: dict[tuple[str, str], str] = {
    ("POST", "/tickets"): OWN,
    ("GET", "/tickets"): OWN,
    ("GET", TICKET): THEIRS,
    ("GET", TICKET + "/messages"): THEIRS,
    ("PATCH", TICKET): ONE_ROLE,
    ("PUT", TICKET + "/state"): ONE_ROLE,
    ("PUT", TICKET + "/agent"): ONE_ROLE,
    ("PUT", TICKET + "/rating"): THEIRS,
    ("GET", TICKET + "/notes"): ONE_ROLE,
    ("POST", TICKET + "/notes"): ONE_ROLE,
    ("GET", "/agents"): ONE_ROLE,
    ("PUT", "/agents/me"): ONE_ROLE,
    ("GET", "/agents/statistics"): ONE_ROLE,
    ("GET", "/quotas"): OWN,
    ("GET", "/nearby"): EVERYBODY,
}


async def tell(story: Story) -> None:
    """Open a ticket and see it through."""
    ann, agent, boss = story.ann, await staff(story, "agent"), await staff(story, "supervisor")
    await story.make(agent, "PUT", "/agents/me", is_available=True)
    new = {"subject": "Where is my money?", "category": "payment", "description": "It was sold"}
    id = (await story.make(ann, "POST", "/tickets", **new))["data"]["id"]
    await story.make(ann, "GET", "/tickets")
    await story.make(ann, "GET", TICKET, id)
    for who in (ann, agent, boss):
        await story.make(who, "GET", TICKET + "/messages", id)
    await story.make(agent, "PATCH", TICKET, id, priority="high")
    await story.make(agent, "POST", TICKET + "/notes", id, text="Asks often")
    await story.make(agent, "GET", TICKET + "/notes", id)
    await story.make(agent, "PUT", TICKET + "/agent", id, agent_id=None)
    await story.make(agent, "PUT", TICKET + "/state", id, state="resolved")
    await story.make(ann, "PUT", TICKET + "/rating", id, rating=5)
    await story.make(agent, "GET", "/agents")
    await story.make(boss, "GET", "/agents/statistics")
    await story.make(ann, "GET", "/quotas")
    place = {"lat": 24.7, "lon": 46.7}
    await story.make(ann, "POST", "/listings", title="Chair", price_cents=100, place=place)
    await story.call(story.bob, "GET", "/nearby", params=place)


async def staff(story: Story, role: str) -> Caller:
    """Return someone new of a role that nobody signs up as."""
    someone = await story.api.signed_up("buyer", role)
    id = BigintIds("bazaar").taken(someone.id)
    await story.env.resources.db.execute("update users set role = $2 where id = $1", id, role)
    return story.api.logged_in(await story.api.log_in(someone.email))
