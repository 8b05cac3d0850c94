"""The calls of support, quotas and places, as clients of the bazaar make them; and what is left of a customer."""

from collections.abc import AsyncIterator
from uuid import UUID

import msgspec
import pytest

from config.settings import Settings
from core.base.ids import BigintIds
from core.limits import quotas
from core.platform.db import transaction
from core.search.geo import Place, distance, fuzzed
from core.work.jobs import FinishErasure
from tests.bazaar.policy import LISTINGS_A_DAY
from tests.bazaar.stories.tickets import staff
from tests.contract.story.telling import Story
from tests.contract.worlds import WORLDS, Served, serve
from tests.flow.api.conftest import PASSWORD, Caller
from workers.erasure import finish_erasure

IDS = BigintIds("bazaar")
TICKET = {"subject": "Where is it?", "category": "other"}


@pytest.fixture
async def served(settings: Settings, fresh_database_url: str, light_passwords: None) -> AsyncIterator[Served]:
    """Return the bazaar, being served, on a database of its own."""
    (world,) = (one for one in WORLDS if one.market.name == "bazaar")
    async with serve(world, msgspec.structs.replace(settings, database_url=fresh_database_url)) as served:
        yield served


async def employed(served: Served, role: str = "agent") -> Caller:
    nobody = served.api.anyone
    someone = await staff(Story(served.api, served.env, nobody, nobody, nobody), role)
    if role == "agent":
        assert (await someone.put("/agents/me", is_available=True)).status == 204
    return someone


@pytest.mark.parametrize("role", ["agent", "supervisor"])
async def test_nobody_signs_up_as_staff(served: Served, role: str) -> None:
    new = {"email": "eve@example.com", "password": PASSWORD, "name": "Eve", "user_type": role}
    reply = await served.api.anyone.post("/auth/register", **new)
    assert (reply.status, reply.fields) == (422, ["user_type"])
    by_phone = {"phone": "+12025550101", "code": "123456", "name": "Eve", "user_type": role}
    reply = await served.api.anyone.post("/auth/otp/verify", **by_phone)
    assert (reply.status, reply.fields) == (422, ["user_type"])


async def test_a_ticket_that_is_sent_twice_is_opened_once(served: Served) -> None:
    customer, key = await served.api.signed_up(), {"Idempotency-Key": "1"}
    first, second = [await customer.call("POST", "/tickets", json=TICKET, headers=key) for _ in range(2)]
    assert first.body["data"] == second.body["data"]
    assert len((await customer.get("/tickets")).body["data"]["tickets"]) == 1


async def test_customer_and_agent_write_by_the_ordinary_calls(served: Served) -> None:
    agent, customer = await employed(served), await served.api.signed_up()
    id = (await customer.post("/tickets", **TICKET)).body["data"]["id"]
    for who in (customer, agent):
        assert (await who.post(f"/conversations/{id}/messages", content="Hello")).status == 201
    said = (await customer.get(f"/conversations/{id}/messages")).body["data"]["messages"]
    assert [one["content"] for one in said] == ["agent joined", "Hello", "Hello"]


async def test_a_supervisor_reads_any_ticket_and_the_audit_log_says_so(served: Served) -> None:
    agent, customer = await employed(served), await served.api.signed_up()
    boss, other = await employed(served, "supervisor"), await employed(served)
    id = (await customer.post("/tickets", **TICKET)).body["data"]["id"]
    await customer.post(f"/conversations/{id}/messages", content="Hello")
    for who, status in ((customer, 200), (agent, 200), (boss, 200), (other, 403), (await served.api.signed_up(), 403)):
        reply = await who.get(f"/tickets/{id}/messages")
        assert reply.status == status
        assert ("Hello" in str(reply.body)) == (status == 200)
    read = await served.env.resources.db.fetch("select actor_id from audit_log where action = 'ticket.read'")
    assert [row["actor_id"] for row in read] == [UUID(IDS.taken(boss.id))]


@pytest.mark.parametrize("wrong", [{"category": "unheard of"}, {"priority": "huge"}, {"subject": " "}])
async def test_what_no_ticket_can_be_is_refused(served: Served, wrong: dict[str, str]) -> None:
    reply = await (await served.api.signed_up()).post("/tickets", **TICKET | wrong)
    assert (reply.status, reply.fields) == (422, list(wrong))


async def test_who_has_used_up_a_quota_is_told_until_when(served: Served) -> None:
    seller = await served.api.signed_up("seller")
    async with transaction(served.env.resources.db) as db:
        await quotas.take(db, "bazaar", LISTINGS_A_DAY, UUID(IDS.taken(seller.id)), units=19)
    assert (await seller.post("/listings", title="Last", price_cents=1)).status == 201
    refused = await seller.post("/listings", title="One too many", price_cents=1)
    assert (refused.status, refused.code) == (429, "QUOTA_EXCEEDED")
    assert 0 < int(refused.headers["Retry-After"]) <= 86400
    (left,) = (await seller.get("/quotas")).body["data"]["quotas"]
    assert (left["name"], left["limit"], left["used"], left["left"]) == ("listings", 20, 20, 0)
    assert (await served.env.resources.db.fetchval("select count(*) from bazaar.listings")) == 1


async def test_where_somebody_is_exactly_is_nowhere(served: Served) -> None:
    seller, home = await served.api.signed_up("seller"), Place(24.712345, 46.671234)
    place = msgspec.to_builtins(home)
    assert (await seller.post("/listings", title="Chair", price_cents=1, place=place)).status == 201
    shown = fuzzed(home, 1000, UUID(IDS.taken(seller.id)))
    row = await served.env.resources.db.fetchrow("select lat, lon from bazaar.listings")
    assert tuple(row) == (shown.lat, shown.lon) != (home.lat, home.lon)
    (near,) = (await seller.get("/nearby", lat="24.712345", lon="46.671234")).body["data"]["listings"]
    assert near["metres"] == pytest.approx(distance(home, shown))


async def test_what_is_near_comes_in_pages_and_a_made_up_cursor_is_refused(served: Served) -> None:
    seller = await served.api.signed_up("seller")
    for n in range(3):
        place = {"lat": 24.0 + n / 50, "lon": 46.0}
        assert (await seller.post("/listings", title=str(n), price_cents=1, place=place)).status == 201
    first = (await seller.get("/nearby", lat="24", lon="46", limit=2)).body["data"]
    rest = (await seller.get("/nearby", lat="24", lon="46", limit=2, cursor=first["next_cursor"])).body["data"]
    assert [one["title"] for one in (*first["listings"], *rest["listings"])] == ["0", "1", "2"]
    assert rest["next_cursor"] is None
    assert (await seller.get("/nearby", lat="24", lon="46", cursor="made-up")).status == 422


async def test_nothing_that_a_customer_or_an_agent_about_her_has_written_outlives_her_account(served: Served) -> None:
    agent, customer = await employed(served), await served.api.signed_up()
    markers = {"subject": "marker-subject", "description": "marker-description"}
    id = (await customer.post("/tickets", category="other", **markers)).body["data"]["id"]
    note = await agent.post(f"/tickets/{id}/notes", text="marker-note")
    assert note.status == 201
    await agent.put(f"/tickets/{id}/state", state="resolved")
    assert (await customer.put(f"/tickets/{id}/rating", rating=2)).status == 200
    exported = str((await customer.get("/auth/me/export")).body)
    assert all(marker in exported for marker in markers.values())
    assert "marker-note" not in exported
    assert "marker-note" in str((await agent.get("/auth/me/export")).body)
    assert (await customer.delete("/auth/me")).status == 204
    await finish_erasure(served.env.resources, served.env.publisher, FinishErasure(str(IDS.taken(customer.id))))
    assert await found_in(served, "marker-") == []
    ticket = (await agent.get(f"/tickets/{id}")).body["data"]
    assert (ticket["state"], ticket["subject"], ticket["customer"]["name"]) == ("closed", "", "Deleted user")
    assert (await agent.post(f"/conversations/{id}/messages", content="Hello?")).code == "CONVERSATION_CLOSED"


async def test_an_agent_who_leaves_is_in_no_conversation_and_counts_no_more(served: Served) -> None:
    agent, customer = await employed(served), await served.api.signed_up()
    id = (await customer.post("/tickets", **TICKET)).body["data"]["id"]
    assert (await agent.delete("/auth/me")).status == 204
    await finish_erasure(served.env.resources, served.env.publisher, FinishErasure(str(IDS.taken(agent.id))))
    members = (await customer.get(f"/conversations/{id}")).body["data"]["members"]
    assert [one["id"] for one in members] == [customer.id]
    assert (await customer.get(f"/tickets/{id}")).body["data"]["agent"] is None
    assert (await (await employed(served, "supervisor")).get("/agents")).body["data"]["agents"] == []


async def found_in(served: Served, text: str) -> list[str]:
    """Return the tables in which a text is."""
    db = served.env.resources.db
    names = await db.fetch(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('public', 'bazaar')"
    )
    return [
        name
        for (name,) in names
        if await db.fetchval(f"select count(*) from {name} t where t::text like $1", f"%{text}%")
    ]
