"""What a marketplace's dialect changes at the edge of REST, seen by the clients of one that changes everything."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from aiohttp import CookieJar, DummyCookieJar

import marketplaces
from api.documents.openapi import document
from config.settings import Settings
from core.accounts.identity import VERIFY
from core.accounts.one_time import tokens
from core.base.clock import now
from core.base.ids import BigintIds
from core.market.dialect import Dialect
from core.market.error_forms import PLAIN
from core.notifications.notifications import notify_members, written_since
from tests import bazaar
from tests.bazaar.people import FIRST_ID, PREFIX, BazaarApi, with_bazaar
from tests.bazaar.story import pictures, signed
from tests.flow.api.conftest import PASSWORD, Caller, serving
from tests.flow.conftest import Environment, open_environment
from tests.flow.onswift.uploading import image

IDS = BigintIds("bazaar")
LAMP = {"title": "Lamp", "price_cents": 1200}


@pytest.fixture
async def both(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Environment]:
    """Return an environment that serves OnSwift and the bazaar."""
    monkeypatch.setitem(marketplaces.ALL, "bazaar", bazaar.MARKETPLACE)
    await with_bazaar(settings)
    settings = msgspec.structs.replace(settings, marketplaces=("onswift", "bazaar"))
    async with open_environment(settings) as env:
        yield env


@pytest.fixture
async def env(both: Environment) -> Environment:
    """Return an environment that serves the bazaar alone."""
    both.settings = msgspec.structs.replace(both.settings, marketplaces=("bazaar",))
    return both


@pytest.fixture
async def api(env: Environment, light_passwords: None) -> AsyncIterator[BazaarApi]:
    async with serving(env, DummyCookieJar(), BazaarApi) as api:
        assert isinstance(api, BazaarApi)
        yield api


def claims_of(caller: Caller) -> dict[str, Any]:
    payload = caller.access_token.split(".")[1]
    claims: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


async def listed(seller: Caller) -> str:
    """Return the id of something that a seller offers."""
    reply = await seller.call("POST", "/listings", json=LAMP)
    assert reply.status == 201, reply
    return str(reply.body["data"]["id"])


async def test_names_are_in_snake_case_and_ids_are_bigints_as_texts_in_both_directions(api: BazaarApi) -> None:
    ann, bob = await api.signed_up("seller"), await api.signed_up("buyer")
    assert int(ann.id) >= FIRST_ID
    id = await listed(ann)
    seen = (await bob.get(f"/listings/{id}")).body["data"]
    assert seen["seller"] == {"id": ann.id, "name": "Ann Example", "avatar_url": None}
    assert (seen["id"], seen["price_cents"], seen["sold_at"]) == (id, 1200, None)
    conversation = (await bob.post("/conversations", participant_id=ann.id)).body["data"]
    assert {member["id"] for member in conversation["members"]} == {ann.id, bob.id}
    history = await bob.get(f"/conversations/{conversation['id']}/messages", per_page=1)
    assert history.body["data"] == {"messages": [], "has_more": False}


async def test_core_s_own_names_and_what_is_no_bigint_are_refused_with_the_names_of_the_dialect(api: BazaarApi) -> None:
    ann = await api.signed_up("buyer")
    camel = await ann.post("/conversations", participantId=ann.id)
    assert (camel.status, camel.code, camel.fields) == (422, "INPUT_001", ["participant_id"])
    for wrong in ("x", "-1", "007", str(2**63), 7):
        refused = await ann.post("/conversations", participant_id=wrong)
        assert refused.error["details"] == [{"field": "participant_id", "message": "Must be an id"}]
    assert (await ann.get("/listings/x")).fields == ["listing_id"]


async def test_a_marketplace_has_its_own_rule_of_passwords_and_names_all_that_is_wrong_at_once(api: BazaarApi) -> None:
    new = {"email": "ann@example.com", "name": "Ann", "user_type": "seller"}
    assert (await api.anyone.post("/auth/register", **new, password="twelve letters")).status == 201
    wrong = await api.anyone.post("/auth/register", password="Short-1", user_type="creator", name="", email="")
    assert wrong.fields == ["email", "password", "name", "user_type"]
    lacking = {detail["field"]: detail["message"] for detail in wrong.error["details"]}
    assert lacking["password"] == "Must have 12 to 128 characters"
    assert lacking["user_type"] == "Must be one of: buyer, seller"
    reset = await api.anyone.post("/auth/reset-password/not.a.token", new_password="Short-1")
    assert reset.fields == ["token"], "the path is read before the body"


async def test_pages_have_the_names_of_the_dialect_and_go_on_where_they_ended(api: BazaarApi) -> None:
    ann = await api.signed_up("seller")
    ids = [await listed(ann) for _ in range(3)]
    first = (await ann.get("/listings", per_page=2)).body
    assert first.keys() == {"data", "meta"}
    assert (first["meta"]["per_page"], first["meta"]["total_count"]) == (2, 3)
    rest = (await ann.get("/listings", per_page=2, cursor=first["meta"]["next_cursor"])).body
    assert [one["id"] for one in (*first["data"], *rest["data"])] == ids[::-1]
    assert (await ann.get("/listings", per_page=0)).fields == ["per_page"]


async def test_an_error_names_what_the_call_takes_also_where_a_list_has_no_pages(api: BazaarApi) -> None:
    ann, bob = await api.signed_up("seller"), await api.signed_up("buyer")
    id = (await bob.post("/conversations", participant_id=ann.id)).body["data"]["id"]
    assert (await ann.get(f"/conversations/{id}/messages", limit=0)).fields == ["limit"]
    assert (await ann.get("/conversations", per_page=0)).fields == ["per_page"]


async def test_errors_are_flat_and_name_the_request(api: BazaarApi) -> None:
    reply = await api.anyone.call("GET", "/auth/me", headers={"X-Correlation-Id": "trace-1"})
    assert (reply.status, reply.code) == (401, "AUTH_001")
    assert reply.body.keys() == {"code", "message", "timestamp", "request_id"}
    assert reply.body["request_id"] == reply.headers["X-Correlation-Id"] == "trace-1"
    assert "X-Request-Id" not in reply.headers
    unknown = await api.anyone.call("GET", "/nowhere", headers={"X-Request-Id": "r-2"})
    assert (unknown.status, unknown.body["request_id"], unknown.headers["X-Request-Id"]) == (404, "r-2", "r-2")
    own = await api.anyone.get("/auth/me")
    assert own.body["request_id"] == own.headers["X-Request-Id"]


async def test_each_marketplace_of_a_process_has_its_own_form_of_errors(
    both: Environment, light_passwords: None
) -> None:
    async with serving(both, DummyCookieJar()) as api:
        onswift, other = Caller(api.client, "/onswift/api"), Caller(api.client, f"/bazaar{PREFIX}")
        for path in ("/users/me", "/auth/me"):
            assert (await onswift.get(path)).body.keys() == {"error"}
            assert "request_id" in (await other.get(path)).body
        assert (await Caller(api.client, "/elsewhere").get("/")).body.keys() == {"error"}


async def test_all_prefixes_serve_the_same_and_some_calls_are_at_the_root(api: BazaarApi) -> None:
    ann = await api.signed_up("seller")
    for prefix in ("/api", "/api/v1", "/bazaar/api", "/bazaar/api/v1"):
        there = Caller(api.client, prefix, access_token=ann.access_token)
        assert (await there.get("/auth/me")).body["data"]["id"] == ann.id
    for root in ("", "/bazaar"):
        assert (await Caller(api.client, root).get("/api/version")).body == {"data": {"version": "1"}}
    assert (await Caller(api.client, "").get("/healthz")).body == {"status": "ok"}, "which is the process's"
    assert (await Caller(api.client, "/bazaar").get("/healthz")).body == {"data": {"status": "ok"}}


async def test_a_patch_changes_what_is_given_and_says_what_cannot_be_changed(api: BazaarApi) -> None:
    ann = await api.signed_up("seller")
    id = await listed(ann)
    changed = await ann.call("PATCH", f"/listings/{id}", json={"price_cents": 1100})
    assert (changed.status, changed.body["data"]["price_cents"], changed.body["data"]["title"]) == (200, 1100, "Lamp")
    read = (await ann.get(f"/listings/{id}")).body["data"]
    assert (await ann.call("PATCH", f"/listings/{id}", json=read)).status == 200, "what was read may be sent back"
    fixed = await ann.call("PATCH", f"/listings/{id}", json={"sold_at": "2026-01-01T00:00:00Z"})
    assert (fixed.status, fixed.code, fixed.fields) == (422, "FIELD_NOT_CHANGEABLE", ["sold_at"])


async def test_a_repeat_with_its_key_gets_the_same_answer_in_the_dialect(api: BazaarApi) -> None:
    ann = await api.signed_up("seller")
    key = {"Idempotency-Key": "once"}
    first, again = [await ann.call("POST", "/listings", json=LAMP, headers=key) for _ in range(2)]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.body == first.body
    assert first.body["data"]["seller"]["id"] == ann.id


async def test_access_tokens_name_who_has_issued_them_and_for_whom_where_a_marketplace_says_so(api: BazaarApi) -> None:
    claims = claims_of(await api.signed_up("seller"))
    assert (claims["iss"], claims["aud"]) == ("https://bazaar.example", "bazaar-app")


async def test_a_marketplace_has_its_own_rates_and_lifetimes_of_tokens(api: BazaarApi) -> None:
    ann = await api.signed_up("seller")
    claims = claims_of(ann)
    assert claims["exp"] - claims["iat"] == 5 * 60
    refresh = claims_of(replace(ann, access_token=ann.refresh_token))
    assert refresh["exp"] - refresh["iat"] == 60 * 24 * 60 * 60
    assert (await ann.get("/auth/me")).headers["RateLimit-Policy"] == '"user";q=60;w=60'
    login = {"email": ann.email, "password": "not hers"}
    assert [(await api.anyone.post("/auth/login", **login)).status for _ in range(4)] == [401, 401, 401, 429]


async def test_a_form_brings_files_and_texts_with_the_names_of_the_dialect(api: BazaarApi) -> None:
    ann = await api.signed_up("seller")
    path = f"/listings/{await listed(ann)}/pictures"
    both = (await ann.call("POST", path, **pictures(image(), image()))).body["data"]
    assert [one["file_name"] for one in both["files"]] == ["0.png", "1.png"]
    assert path == f"/listings/{both['listing_id']}/pictures"
    assert all(int(one["id"]) >= FIRST_ID for one in both["files"])
    assert both["files"][0]["file_url"].startswith("http"), "an address is taken as it is, whatever ids are in it"
    other = await ann.call("POST", path, **pictures(image(), replaces_others="true"))
    assert other.status == 200, other
    again = await ann.post(path, file_urls=[both["files"][0]["file_url"]])
    assert (again.status, again.fields) == (422, ["file_urls"])
    wrong = await ann.call("POST", path, **pictures(image(), replaces_others="perhaps"))
    assert (wrong.status, wrong.fields) == (422, ["replaces_others"])
    none = await ann.call("POST", path, **pictures(replacesOthers="true"))
    assert (none.status, none.fields) == (422, ["file_urls"])


async def test_errors_may_be_flat_and_plain(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = replace(bazaar.MARKETPLACE, dialect=Dialect(errors=PLAIN, snake_case=True))
    monkeypatch.setitem(marketplaces.ALL, "bazaar", plain)
    async with serving(env, DummyCookieJar()) as api:
        anyone = Caller(api.client, PREFIX)
        refused = await anyone.get("/auth/me")
        assert refused.status == 401
        assert refused.body == {"code": "UNAUTHORIZED", "message": refused.body["message"], "details": []}
        wrong = await anyone.post("/auth/login", email="ann@example.com")
        assert (wrong.status, wrong.body["code"]) == (400, "VALIDATION_ERROR")
        assert wrong.body["details"] == [{"field": "password", "message": "Required"}]
        assert (await anyone.get("/nowhere")).body.keys() == {"code", "message", "details"}


def test_the_document_names_the_cookie_that_shows_a_login() -> None:
    described: Any = document(bazaar.MARKETPLACE, "")
    cookie = described["components"]["securitySchemes"]["cookie"]
    assert (cookie["type"], cookie["in"], cookie["name"]) == ("apiKey", "cookie", "bazaar-access")
    assert described["paths"]["/auth/me"]["get"]["security"] == [{"bearer": []}, {"cookie": []}]
    assert described["paths"]["/auth/login"]["post"]["security"] == []


async def test_tokens_are_in_cookies_unless_the_body_is_asked_for(env: Environment, light_passwords: None) -> None:
    async with serving(env, CookieJar(unsafe=True), BazaarApi) as api:
        browser = Caller(api.client, PREFIX)
        new = {"email": "ann@example.com", "password": PASSWORD, "name": "Ann", "user_type": "seller"}
        reply = await browser.post("/auth/register", **new)
        assert (reply.status, reply.body["data"].keys()) == (201, {"user"})
        cookies = {cookie.key: cookie.value for cookie in api.client.session.cookie_jar}
        assert cookies.keys() == {"bazaar-access", "bazaar-refresh", "bazaar-csrf", "bazaar-device"}
        assert (await browser.get("/auth/me")).status == 200
        forged = await browser.call("PATCH", "/auth/me", json={"name": "Mallory"})
        assert (forged.status, forged.code) == (403, "CSRF_TOKEN_INVALID")
        csrf = {"X-CSRF-Token": cookies["bazaar-csrf"]}
        assert (await browser.call("PATCH", "/auth/me", json={"name": "Anna"}, headers=csrf)).status == 200
        untyped = await browser.call(
            "POST", "/auth/refresh", data=b"{}", headers={"Content-Type": "application/octet-stream"}
        )
        assert untyped.status == 422, "another site could have sent it"
        refreshed = await browser.post("/auth/refresh")
        assert (refreshed.status, refreshed.body) == (200, {"data": {}})
        login = {"email": "ann@example.com", "password": PASSWORD}
        asked = await browser.call("POST", "/auth/login", json=login, headers={"X-Token-Transport": "body"})
        assert asked.body["data"].keys() == {"user", "access_token", "refresh_token"}


async def test_a_token_may_be_in_the_path_and_an_answer_may_be_a_redirect(api: BazaarApi, env: Environment) -> None:
    ann = await api.signed_up("seller")
    user_id = UUID(IDS.taken(ann.id))
    await tokens.INSERT(env.resources.db, tokens.digest("code"), user_id, VERIFY, now() + timedelta(hours=1))
    reply = await api.anyone.call("GET", "/auth/verify-email/code", allow_redirects=False)
    assert (reply.status, reply.body) == (302, None)
    assert reply.headers["Location"] == f"{env.settings.public_url}/verified"
    again = await api.anyone.call("GET", "/auth/verify-email/code", allow_redirects=False)
    assert (again.status, again.code) == (400, "INVALID_VERIFICATION_TOKEN")


async def test_a_hook_gets_the_bytes_that_its_sender_has_signed(api: BazaarApi, env: Environment) -> None:
    ann = await api.signed_up("seller")
    id = await listed(ann)
    paid = b'{"listing":  ' + id.encode() + b"}"  # whose blanks are signed, too

    async def hook(body: bytes, headers: dict[str, str]) -> Any:
        return await api.anyone.call("POST", "/hooks/payments", data=body, headers=headers)

    refused = await hook(paid.replace(b"  ", b""), signed(env, paid))
    assert (refused.status, refused.code) == (403, "FORBIDDEN")
    for kind in ("application/json", "text/plain", "application/octet-stream"):
        assert (await hook(paid, signed(env, paid) | {"Content-Type": kind})).status == 204
    (notice,) = (await ann.get("/notifications")).body["data"]
    assert (notice["type"], notice["entity_id"]) == ("listing_sold", id)


async def test_an_export_has_the_dialect_s_fields_and_ids_also_in_its_rows(api: BazaarApi) -> None:
    ann = await api.signed_up("seller")
    id = await listed(ann)
    body = (await ann.get("/auth/me/export")).body["data"]
    assert body.keys() == {"user_id", "exported_at", "data"}
    assert body["user_id"] == ann.id
    (listing,) = body["data"]["listings"]
    assert (listing["id"], listing["title"], listing["seller_id"]) == (id, "Lamp", ann.id)
    (account,) = body["data"]["account"]
    assert "created_at" in account
    assert [name for row in (listing, account) for name in row if not name.islower()] == []


async def test_what_is_deleted_is_found_no_more_and_its_row_stays_until_its_user_goes(
    api: BazaarApi, env: Environment
) -> None:
    ann = await api.signed_up("seller")
    id, other = await listed(ann), await listed(ann)
    assert [(await ann.delete(f"/listings/{id}")).status for _ in range(2)] == [204, 404]
    assert (await ann.get(f"/listings/{id}")).code == "LISTING_NOT_FOUND"
    page = (await ann.get("/listings")).body
    assert ([one["id"] for one in page["data"]], page["meta"]["total_count"]) == ([other], 1)
    count = "select count(*) from bazaar.listings where deleted_at is not null"
    assert await env.resources.db.fetchval(count) == 1
    assert (await ann.delete("/auth/me")).status == 204
    assert await env.resources.db.fetchval("select count(*) from bazaar.listings") == 0


async def test_messages_without_a_time_in_their_ids_are_found_by_it_and_notified_of(
    api: BazaarApi, env: Environment
) -> None:
    ann, bob = await api.signed_up("seller"), await api.signed_up("buyer")
    conversation = (await bob.post("/conversations", participant_id=ann.id)).body["data"]["id"]
    before = now()
    await bob.post(f"/conversations/{conversation}/messages", content="Is it there?")
    id = UUID(IDS.taken(conversation))
    db = env.resources.db
    assert await written_since(db, before - timedelta(seconds=5)) == [id]
    assert await written_since(db, now() + timedelta(seconds=5)) == []
    await notify_members(env.resources, env.publisher, [id])
    (notice,) = (await ann.get("/notifications")).body["data"]
    assert int(notice["id"]) >= FIRST_ID
    read = await ann.call("PATCH", f"/notifications/{notice['id']}/read")
    assert read.status == 204
