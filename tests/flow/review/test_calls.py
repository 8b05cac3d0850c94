"""The queue over HTTP: the bazaar's moderators by its own calls, operators by those of the console."""

import asyncio
from dataclasses import replace
from uuid import UUID

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer

from api.app import build_app
from config.settings import SettingsError, load
from core.base.ids import BigintIds
from realtime.operations.admin_client import open_admin_client
from tests.bazaar.people import BazaarApi
from tests.bazaar.story import pictures
from tests.flow.api.conftest import SECRET, Caller, audited, operating
from tests.flow.conftest import Environment
from tests.flow.onswift.uploading import image
from workers.files import FileChecks

IDS = BigintIds("bazaar")


async def staff(api: BazaarApi, env: Environment, name: str = "Mo") -> Caller:
    """Return somebody whom the bazaar has made a moderator."""
    one = await api.signed_up("buyer", name)
    await env.resources.db.execute("update users set role = 'moderator' where id = $1::text::uuid", IDS.taken(one.id))
    return api.logged_in(await api.log_in(one.email))


async def listed(ann: Caller) -> str:
    """Return a listing that its seller has submitted."""
    id = str((await ann.post("/listings", title="Lamp", price_cents=1200)).body["data"]["id"])
    assert (await ann.post(f"/listings/{id}/submit")).status == 204
    return id


async def verdict(env: Environment, listing: str) -> str:
    """Return what became of a listing."""
    said: str = await env.resources.db.fetchval(
        "select verdict from bazaar.listings where id = $1::text::uuid", IDS.taken(listing)
    )
    return said


async def test_a_moderator_takes_and_rejects_a_listing_and_its_seller_appeals(api: BazaarApi, env: Environment) -> None:
    ann, mo = await api.signed_up("seller", "Ann"), await staff(api, env)
    listing = await listed(ann)
    task = (await mo.post("/review/tasks/next")).body["data"]["task"]
    assert (task["subject_id"], task["user_name"], task["held_by"], task["is_mine"]) == (listing, "Ann", "Mo", True)
    assert task["facts"] == [{"name": "Title", "value": "Lamp"}, {"name": "Price", "value": "1200"}]
    assert task["decisions"] == ["approve", "reject", "hold"]
    path = f"/review/tasks/{task['id']}"
    assert (await mo.post(f"{path}/notes", text="Not a lamp")).status == 204
    done = await mo.post(f"{path}/decide", decision="reject", note="No lamp")
    assert (done.status, done.body["data"]["decided_by"], await verdict(env, listing)) == (200, "Mo", "reject")
    assert (await mo.post(f"{path}/appeal", reason="x")).code == "FORBIDDEN"
    appeal = await ann.post(f"{path}/appeal", reason="It is a lamp")
    assert appeal.status == 201, appeal
    other = f"/review/tasks/{appeal.body['data']['id']}"
    assert (await mo.post(f"{other}/decide", decision="approve")).code == "FORBIDDEN"
    mia = await staff(api, env, "Mia")
    details = (await mia.get(other)).body["data"]
    assert [(one["id"], one["state"]) for one in details["history"]] == [(task["id"], "reject")]
    assert (await mia.post(f"{other}/decide", decision="approve")).status == 200
    assert await verdict(env, listing) == "approve"
    by = {facts["decision"]: facts for action, _, facts in await audited(env) if action == "review.decide"}
    assert by.keys() == {"reject", "approve"}
    assert all("operator" not in facts for facts in by.values()), "users are the actors of their own entries"


async def test_ten_moderators_and_an_operator_at_once_decide_every_listing_exactly_once(
    api: BazaarApi, env: Environment, operator: Caller, generous: None
) -> None:
    sellers = [await api.signed_up("seller", name) for name in ("Ann", "Bob")]  # each has a quota of listings
    listings = [await listed(one) for one in sellers for _ in range(15)]
    people = [await staff(api, env, f"Mo{n}") for n in range(10)]

    async def work(by: Caller) -> list[str]:
        decided: list[str] = []
        while True:
            answer = (await by.post("/review/tasks/next")).body
            task = answer.get("data", answer)["task"]
            if task is None:
                return decided
            reply = await by.post(f"/review/tasks/{task['id']}/decide", decision="approve")
            assert reply.status == 200, reply
            decided.append(IDS.shown(task.get("subject_id") or task["subjectId"]))

    done = await asyncio.gather(*(work(one) for one in (*people, operator)))
    assert sorted(id for ids in done for id in ids) == sorted(listings)
    assert {await verdict(env, one) for one in listings} == {"approve"}


async def test_the_name_of_a_moderator_is_in_no_report_when_she_is_gone(
    api: BazaarApi, env: Environment, operator: Caller
) -> None:
    ann, bob, mo = (
        await api.signed_up("seller", "Ann"),
        await api.signed_up("buyer", "Bob"),
        await staff(api, env, "Moritz"),
    )
    await bob.post(f"/users/{ann.id}/report", reason="spam", text="")
    task = (await mo.post("/review/tasks/next")).body["data"]["task"]["id"]
    assert (await mo.post(f"/review/tasks/{task}/decide", decision="dismiss")).status == 200
    (report,) = (await operator.get("/reports", status="resolved")).body["reports"]
    assert report["resolvedBy"] == "Moritz"
    await env.resources.db.execute("update users set role = 'buyer' where role = 'moderator'")
    assert (await mo.delete("/auth/me")).status == 204
    (report,) = (await operator.get("/reports", status="resolved")).body["reports"]
    assert report["resolvedBy"] == "Deleted user"
    assert "Moritz" not in await env.resources.db.fetchval("select string_agg(r::text, ' ') from reports r")


async def test_nobody_signs_up_as_a_moderator(api: BazaarApi) -> None:
    body = {"email": "mo@example.com", "password": "Correct-horse-7", "name": "Mo", "user_type": "moderator"}
    reply = await api.anyone.post("/auth/register", **body)
    assert (reply.status, reply.fields) == (422, ["user_type"])


async def test_lists_are_filtered_and_paged(api: BazaarApi, env: Environment) -> None:
    ann, mo = await api.signed_up("seller", "Ann"), await staff(api, env)
    listings = [await listed(ann) for _ in range(3)]
    assert (await mo.post(f"/users/{ann.id}/report", reason="spam")).code == "FORBIDDEN"
    bob = await api.signed_up("buyer", "Bob")
    assert (await bob.post(f"/users/{ann.id}/report", reason="spam", text="")).status == 201

    async def seen(**query: str | int) -> list[str]:
        return [one["subject_id"] for one in (await mo.get("/review/tasks", **query)).body["data"]]

    assert await seen(kind="listing") == listings
    assert await seen(kind="report") == [ann.id]
    assert await seen(kind="listing", per_page=2, page=2) == listings[2:]
    taken = (
        await mo.post(
            "/review/tasks/next",
        )
    ).body["data"]["task"]
    assert await seen(mine="true") == [taken["subject_id"]]
    await mo.post(f"/review/tasks/{taken['id']}/decide", decision="hold")
    assert await seen(state="parked") == [taken["subject_id"]]
    await mo.post(f"/review/tasks/{taken['id']}/decide", decision="approve")
    assert await seen(state="decided") == [taken["subject_id"]]
    assert len(await seen()) == 3
    assert await seen(market="elsewhere") == []


async def test_operators_decide_beside_moderators_and_both_are_told_who_holds_it(
    api: BazaarApi, env: Environment, operator: Caller
) -> None:
    ann, mo = await api.signed_up("seller", "Ann"), await staff(api, env)
    listing = await listed(ann)
    assert (await operator.get("/me")).body == {
        "name": "olga",
        "queues": ["bazaar/listing", "bazaar/payment", "bazaar/report", "bazaar/verification"],
    }
    task = (await operator.post("/review/tasks/next")).body["task"]
    shown = IDS.shown(task["id"])
    refused = await mo.post(f"/review/tasks/{shown}/decide", decision="approve")
    assert (refused.code, refused.error["details"][0]["message"]) == ("REVIEW_TASK_TAKEN", "olga")
    many = await operator.post("/review/tasks/decide", ids=[task["id"]], decision="approve", note="Fine")
    assert many.body == {"outcomes": [{"id": task["id"], "code": "DECIDED", "message": ""}]}
    assert await verdict(env, listing) == "approve"
    assert (await operator.post("/review/tasks/next")).body == {"task": None}
    looks = [action for action, *_ in await audited(env) if action.startswith("review")]
    assert looks == ["review.take", "review.decide"]
    await operator.get(f"/review/tasks/{task['id']}")
    await operator.get("/review/tasks", state="decided")
    looks = [action for action, *_ in await audited(env) if action == "review.look"]
    assert len(looks) == 2, "who looks at people is in the audit log"
    (days,) = (await operator.get("/review/statistics")).body["days"]
    assert (days["reviewer"], days["decided"]) == ("olga", 1)


async def test_the_pictures_of_a_subject_are_shown_by_links_for_some_minutes(
    api: BazaarApi, env: Environment, operator: Caller
) -> None:
    ann = await api.signed_up("seller", "Ann")
    listing = await listed(ann)
    added = await ann.call("POST", f"/listings/{listing}/pictures", **pictures(image()))
    assert added.status == 200, added
    (task,) = (await operator.get("/review/tasks")).body["tasks"]
    path = f"/review/tasks/{task['id']}"
    assert (await operator.get(path)).body["pictures"] == [], "not before it was checked"
    file_id = UUID(IDS.taken(added.body["data"]["files"][0]["id"]))
    await FileChecks(env.resources, env.publisher).check(file_id)
    (picture,) = (await operator.get(path)).body["pictures"]
    there = picture["url"].removeprefix(env.settings.public_url)
    async with api.client.get(there) as response:
        assert (response.status, response.content_type) == (200, "image/png")
    async with api.client.get(there[:-3] + "AAA") as response:
        assert response.status == 403


async def test_the_console_may_show_pictures_from_the_storage_that_links_lead_to(env: Environment) -> None:
    settings = msgspec.structs.replace(
        env.settings, operator_tokens=(f"olga:{SECRET}",), s3_url="http://s3.example:9000"
    )
    for links, shown in (("direct", True), ("proxied", False)):
        settings = msgspec.structs.replace(settings, s3_links=links)
        async with open_admin_client(settings, env.resources) as hubs:
            app = build_app(settings, replace(env.resources, settings=settings), env.publisher, hubs)
            async with TestClient(TestServer(app)) as client:
                pages = [await client.get(path) for path in ("/console", "/")]
                policies = [page.headers["Content-Security-Policy"] for page in pages]
        assert ["img-src 'self' http://s3.example:9000 data:" in policy for policy in policies] == [shown, False]


@pytest.mark.parametrize("roles", ["+moderator", "+agent", "+agent+moderator", ""])
async def test_an_operator_with_roles_does_what_they_are_for(api: BazaarApi, env: Environment, roles: str) -> None:
    ann = await api.signed_up("seller", "Ann")
    await listed(ann)
    settings = msgspec.structs.replace(env.settings, operator_tokens=(f"olga{roles}:{SECRET}",))
    async with open_admin_client(settings, env.resources) as hubs:
        app = build_app(settings, replace(env.resources, settings=settings), env.publisher, hubs)
        async with TestClient(TestServer(app)) as client:
            olga = Caller(client, "/ops", access_token=SECRET)
            decides, is_admin = "moderator" in roles or not roles, not roles
            payments = {"bazaar/payment"} if is_admin else set[str]()
            queues = {"bazaar/listing", "bazaar/report", "bazaar/verification", *payments} if decides else set[str]()
            assert set((await olga.get("/me")).body["queues"]) == queues
            assert len((await olga.get("/review/tasks")).body["tasks"]) == (1 if decides else 0)
            assert bool((await olga.post("/review/tasks/next")).body["task"]) is decides
            assert (await olga.get("/reports")).status == (200 if decides else 403)
            assert (await olga.get("/jobs")).status == (200 if is_admin else 403)
            assert (await olga.post("/hubs/x/drain")).code == ("HUB_NOT_FOUND" if is_admin else "FORBIDDEN")
            assert (await olga.get("/search", q="Ann")).status == 200


@pytest.mark.parametrize("token", ["ada+:", "ada+Mod:", "+agent:", "ada++agent:"])
def test_odd_roles_of_operators_are_refused_at_the_start(token: str) -> None:
    with pytest.raises(SettingsError, match="OPERATOR_TOKENS"):
        load({"GREENROOM_OPERATOR_TOKENS": token + "x" * 32})


def test_one_operator_is_not_named_twice_with_other_roles() -> None:
    secret = "x" * 32
    assert load({"GREENROOM_OPERATOR_TOKENS": f"ada+agent:{secret},bob:{secret}"})
    with pytest.raises(SettingsError, match=r"ada\+agent:\*\*\*,ada:\*\*\*"):
        load({"GREENROOM_OPERATOR_TOKENS": f"ada+agent:{secret},ada:{secret}"})


async def test_what_is_known_of_an_erased_user_is_gone_from_the_queue(api: BazaarApi, env: Environment) -> None:
    ann, mo = await api.signed_up("seller", "Ann"), await staff(api, env, "Moritz")
    await listed(ann)
    task = (await mo.post("/review/tasks/next")).body["data"]["task"]["id"]
    await mo.post(f"/review/tasks/{task}/notes", text="Ann again")
    await mo.post(f"/review/tasks/{task}/decide", decision="reject", note="Ann sells no lamps")
    await ann.post(f"/review/tasks/{task}/appeal", reason="Ann's own words")
    exported = str((await ann.get("/auth/me/export")).body)
    assert "Ann's own words" in exported
    assert "Ann sells no lamps" not in exported
    await env.resources.db.execute("update users set role = 'buyer' where role = 'moderator'")
    for one in (ann, mo):
        assert (await one.delete("/auth/me")).status == 204
    text = await env.resources.db.fetchval("select string_agg(t::text, ' ') from review_tasks t")
    notes = await env.resources.db.fetchval("select count(*) from review_notes")
    assert (notes, [word for word in ("Ann", "Moritz", "Lamp", "lamps") if word in text]) == (0, [])
    async with operating(env) as operator:
        (row,) = (await operator.get("/review/tasks", state="decided")).body["tasks"]
    assert (row["decidedBy"], row["userName"], UUID(row["id"])) == ("Deleted user",) * 2 + (UUID(IDS.taken(task)),)
