"""The calls of webhooks: what a user sees of hers, page by page, and when she has to show her password."""

from core.accounts import identity
from tests.bazaar.people import BazaarApi
from tests.flow.api.conftest import PASSWORD, Caller
from tests.flow.conftest import Environment
from tests.flow.hooks.conftest import Receiver, settled
from workers.webhooks import Webhooks

URL = "https://shop.example/hook"


async def made(caller: Caller, env: Environment, url: str) -> str:
    reply = await caller.post("/webhooks", url=URL, events=["listing.sold"])
    assert reply.status == 201, reply
    await env.resources.db.execute("update webhook_endpoints set url = $1", url)
    id: str = reply.body["data"]["webhook"]["id"]
    return id


async def test_the_secret_is_shown_once(api: BazaarApi, env: Environment) -> None:
    ann = await api.signed_up()
    reply = await ann.post("/webhooks", url=f"  {URL} ", events=["listing.sold", "listing.sold"])
    webhook = reply.body["data"]["webhook"]
    assert reply.body["data"]["secret"].startswith("whsec_")
    assert (webhook["url"], webhook["events"]) == (URL, ["listing.sold"])
    assert (await ann.get("/webhooks")).body["data"]["webhooks"] == [webhook]


async def test_deliveries_are_listed_page_by_page_with_their_attempts(
    api: BazaarApi, env: Environment, receiver: Receiver, webhooks: Webhooks
) -> None:
    ann = await api.signed_up()
    id = await made(ann, env, receiver.url)
    for _ in range(5):
        assert (await ann.post(f"/webhooks/{id}/test")).status == 204
    await settled(webhooks)
    found: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(3):
        page = (await ann.get(f"/webhooks/{id}/deliveries", limit=2, **cursor)).body["data"]
        found += [one["id"] for one in page["deliveries"]]
        assert all(one["attempts"][0]["status"] == 200 for one in page["deliveries"])
        cursor = {"cursor": page["next_cursor"]}
    assert page["next_cursor"] is None
    assert found == list(reversed(receiver.ids))
    assert (await ann.get(f"/webhooks/{id}/deliveries", status="failed")).body["data"]["deliveries"] == []


async def test_a_login_that_is_not_recent_needs_the_password_to_make_a_webhook_or_a_secret(
    api: BazaarApi, env: Environment
) -> None:
    ann = await api.signed_up()
    id = await made(ann, env, URL)
    await env.resources.db.execute("update sessions set created_at = created_at - $1::interval", 2 * identity.RECENT)
    new = {"url": URL, "events": ["listing.sold"]}
    assert (await ann.post("/webhooks", **new)).code == "REAUTHENTICATION_REQUIRED"
    assert (await ann.post(f"/webhooks/{id}/rotate")).code == "REAUTHENTICATION_REQUIRED"
    assert (await ann.post("/webhooks", **new, password=PASSWORD)).status == 201
    assert (await ann.post(f"/webhooks/{id}/rotate", password=PASSWORD)).status == 200


async def test_a_replay_says_either_what_or_since_when(api: BazaarApi, env: Environment) -> None:
    ann = await api.signed_up()
    id = await made(ann, env, URL)
    both = {"delivery_id": id, "since": "2026-01-01T00:00:00Z"}
    for body in ({}, both):
        assert (await ann.post(f"/webhooks/{id}/replay", **body)).fields == ["since"]
    assert (await ann.post(f"/webhooks/{id}/replay", delivery_id=id)).code == "WEBHOOK_NOT_FOUND"
    assert (await ann.post(f"/webhooks/{id}/replay", since="2026-01-01T00:00:00Z")).body["data"] == {"count": 0}


async def test_tests_and_replays_are_limited(api: BazaarApi, env: Environment) -> None:
    ann = await api.signed_up()
    id = await made(ann, env, URL)
    codes = [(await ann.post(f"/webhooks/{id}/test")).status for _ in range(31)]
    assert codes == [204] * 30 + [429]
