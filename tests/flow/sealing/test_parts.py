"""What tickets, webhooks, verifications and offline actions store is sealed, too, and reads as before."""

import asyncio
from base64 import b64encode
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from config.settings import Settings
from core.base.paging import AfterQuery
from core.operations import resealing
from core.platform.sealing.keys import open_sealing
from core.support import agents
from core.webhooks import signing
from core.work.context import Ctx
from tests.flow.sealing.conftest import Bazaar, Room, uuid_of

SECRETS = "select id, secret, former_secret from webhook_endpoints"
URL = "https://hooks.example.com/bazaar"


async def agent_of(place: Bazaar) -> Ctx:
    agent, _ = await place.env.person("Gil", "agent")
    return replace(place.env.ctx(agent), policy=place.market.policy)


async def use_all(place: Bazaar, room: Room, agent: Ctx) -> dict[str, Any]:
    """Let all parts store something; return what they answered."""
    bob, ann = room.bob, room.ann
    asked = {"subject": place.mark("subject"), "category": "other", "description": place.mark("description")}
    ticket = await bob.post("/tickets", **asked)
    assert ticket.status == 201, ticket
    id = ticket.body["data"]["id"]
    await agents.note(agent, uuid_of(id), place.mark("note"))
    assert (await bob.post(f"/conversations/{id}/messages", content=place.mark("in a ticket"))).status in (200, 201)
    made = await ann.post("/webhooks", url=URL, events=["listing.sold"])
    assert made.status in (200, 201), made
    turned = await ann.post(f"/webhooks/{made.body['data']['webhook']['id']}/rotate")
    secrets = [one.body["data"]["secret"] for one in (turned, made)]
    for number, secret in enumerate(secrets):
        place.marks[f"secret {number}"] = secret.removeprefix("whsec_").lower()
    begun = await ann.post("/verifications", kind="identity", id_number=place.mark("id number"))
    assert begun.status == 201, begun
    said = {
        "client_id": "a1",
        "type": "message.send",
        "subject": room.id,
        "payload": {"content": place.mark("offline")},
    }
    done = await bob.post("/sync/actions", actions=[said])
    assert done.status == 200, done
    assert [one["state"] for one in done.body["data"]["results"]] == ["done"], done.body
    place.marks["cached answer"] = "things for sale"
    for _ in range(2):
        assert (await ann.get("/statistics")).body["data"]["title"] == "Things for sale"
    hits = place.env.resources.metrics.cached_calls.labels("/statistics", "hit")
    assert hits._value.get() == 1
    reported = (await ann.get(room.path)).body["data"]["messages"][-1]["id"]
    assert (await ann.post(f"{room.path}/{reported}/report", reason="spam", text="")).status == 201
    return {"ticket": id, "secrets": secrets, "verification": begun.body["data"]["id"]}


@pytest.mark.parametrize("place", [True, False], ids=["sealed", "in the clear"], indirect=True)
async def test_what_all_parts_store_is_sealed(place: Bazaar, texts: asyncio.Queue[Any]) -> None:
    room, agent = await Room.of(place), await agent_of(place)
    made = await use_all(place, room, agent)
    found = await place.found()
    assert found.keys() == (set() if place.is_sealed else place.marks.keys())
    await reads_as_before(place, room, agent, made)


async def reads_as_before(place: Bazaar, room: Room, agent: Ctx, made: dict[str, Any]) -> None:
    """Check what users, agents, receivers of webhooks and operators see."""
    ticket, id = (await room.bob.get(f"/tickets/{made['ticket']}")).body["data"], uuid_of(made["ticket"])
    said = {"subject": place.marks["subject"], "description": place.marks["description"]}
    assert {name: ticket[name] for name in said} == said
    listed = (await room.bob.get("/tickets")).body["data"]["tickets"]
    assert [one["subject"] for one in listed] == [said["subject"]]
    talks = {one["id"]: one["title"] for one in (await room.bob.get("/conversations")).body["data"]}
    assert talks[made["ticket"]] == said["subject"]
    rows = await agents.notes(agent, id, AfterQuery())
    assert [one.text for one in rows.rows] == [place.marks["note"]]
    db, ctx = place.env.resources.db, place.ctx(room.ann)
    (endpoint,) = await db.fetch(SECRETS)
    keys = [signing.key_of(ctx, endpoint["id"], endpoint[column]) for column in ("secret", "former_secret")]
    assert ["whsec_" + b64encode(key).decode() for key in keys] == made["secrets"]
    for _ in range(2):
        await db.execute("update verifications set polled_at = null")
        verified = (await room.ann.get(f"/verifications/{made['verification']}")).body["data"]
    assert verified["state"] == "approved"
    export = (await room.bob.get("/auth/me/export")).body
    assert place.marks["description"] in str(export)


@pytest.mark.parametrize("place", [False], ids=["in the clear"], indirect=True)
async def test_what_parts_stored_before_is_sealed_by_rotation(
    place: Bazaar, settings: Settings, texts: asyncio.Queue[Any]
) -> None:
    room, agent = await Room.of(place), await agent_of(place)
    await use_all(place, room, agent)
    sealing = await open_sealing(settings)
    policy = msgspec.structs.replace(place.market.policy, seals_messages=True, seals_contacts=True)
    columns = {one.column: one.sealed async for one in resealing.rotate(place.env.resources.db, sealing, [policy])}
    assert {
        "review_tasks.facts": 1,
        "conversations.title": 1,
        "support_tickets.description": 1,
        "support_notes.text": 1,
        "webhook_endpoints.secret": 1,
        "webhook_endpoints.former_secret": 1,
    }.items() <= columns.items()
    assert not any((await resealing.left(place.env.resources.db, sealing, [policy])).values())
    contents = ("subject", "description", "note", "in a ticket", "offline")
    kept_for_a_day = {"idempotency_keys", "backup"}
    found = await place.found(*(place.marks.keys() - set(contents)))
    assert all(where <= kept_for_a_day for where in found.values()), found
