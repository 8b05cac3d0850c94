"""What every call has in common: errors in one form, ids, headers, CORS, limits, and servers that are away."""

import asyncio
import dataclasses
import logging
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer

from api import app
from api.app import build_app
from api.calls import endpoint
from cli.embedded.postgres import embedded_postgres
from config.settings import Settings
from core.accounts.identity import RESET
from core.market.resources import open_resources
from core.platform.migrate import migrate
from realtime.publishing.publisher import open_publisher
from tests.flow.api.conftest import Api, Caller, read
from tests.flow.conftest import PATIENCE, Environment

JSON = {"Content-Type": "application/json"}


async def test_a_body_that_is_no_json_is_refused_with_one_form_of_error(api: Api) -> None:
    for raw in (b"", b"{", b"\xff", b'{"email": "\xed\xa0\x80"}', b'{"x":' + b"[" * 50_000, b"nope"):
        reply = await api.anyone.call("POST", "/auth/login", data=raw, headers=JSON)
        assert (reply.status, reply.code) == (400, "MALFORMED_REQUEST"), raw[:20]


async def test_json_of_another_shape_is_told_the_field(api: Api) -> None:
    ann = await api.signed_up()
    for method, path, raw, field in (
        ("POST", "/auth/login", b"[]", "body"),
        ("POST", "/auth/login", b'{"email": 1, "password": ""}', "email"),
        ("POST", "/auth/login", b'{"email": "x"}', "password"),
        (
            "POST",
            "/auth/signup",
            b'{"email":"x@example.com","password":"Sec-ret1","name":"x","userType":"admin"}',
            "userType",
        ),
        ("POST", "/conversations", b'{"participantId": "x"}', "participantId"),
        ("POST", "/conversations", b"{}", "participantId"),
        ("POST", "/conversations/groups", b'{"title": "x", "participantIds": ["x"]}', "participantIds"),
        ("PUT", "/notifications/x/read", b"", "notificationId"),
        ("GET", "/conversations?page=0", b"", "page"),
        ("GET", "/conversations?page=99999999999999999999", b"", "page"),
        ("GET", "/conversations?limit=101", b"", "limit"),
        ("GET", "/conversations?limit=ten", b"", "limit"),
        ("GET", "/notifications?isRead=maybe", b"", "isRead"),
    ):
        reply = await ann.call(method, path, data=raw, headers=JSON)
        assert (reply.status, reply.code, reply.fields) == (400, "VALIDATION_ERROR", [field]), (method, path, raw)


async def test_a_body_of_another_type_is_refused(api: Api) -> None:
    reply = await api.anyone.call("POST", "/auth/login", data={"email": "x", "password": "y"})
    assert (reply.status, reply.code) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_body_of_more_than_256_kb_is_refused(api: Api) -> None:
    reply = await api.anyone.call("POST", "/auth/login", data=b'"' + b"x" * app.MAX_BODY + b'"', headers=JSON)
    assert (reply.status, reply.code) == (413, "PAYLOAD_TOO_LARGE")


async def test_what_is_not_there_and_what_is_not_done_is_an_error_of_the_same_form(api: Api) -> None:
    missing = await api.anyone.get("/nothing")
    assert (missing.status, missing.code) == (404, "NOT_FOUND")
    wrong = await api.anyone.call("PATCH", "/conversations")
    assert (wrong.status, wrong.code) == (405, "METHOD_NOT_ALLOWED")
    assert {"GET", "POST"} <= {method.strip() for method in wrong.headers["Allow"].split(",")}


async def test_a_bug_is_an_internal_error_without_details(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("the secret of the bug")

    monkeypatch.setattr("core.platform.db.Scalar.__call__", broken)
    reply = await api.anyone.get("/health")
    assert (reply.status, reply.code) == (500, "INTERNAL_ERROR")
    assert "secret" not in str(reply.body)
    assert "the secret of the bug" in caplog.text, "but the log has it"
    caplog.clear()


async def test_a_request_keeps_its_id_if_it_is_one(api: Api) -> None:
    given = await api.anyone.call("GET", "/health", headers={"X-Request-Id": "a.b-C_1"})
    assert given.headers["X-Request-Id"] == "a.b-C_1"
    for bad in ("x" * 129, "a b", "<script>"):
        reply = await api.anyone.call("GET", "/health", headers={"X-Request-Id": bad})
        assert reply.headers["X-Request-Id"] not in ("", bad)


async def test_each_request_is_one_line_in_the_log_without_its_secrets(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "api")
    ann = await api.signed_up()
    await ann.get("/conversations?token=secret%0Aline")
    await api.anyone.get("/no%0Apage")
    lines = [record.getMessage() for record in caplog.records if record.name == "api.access"]
    assert [line.split(" ")[:3] for line in lines] == [
        ["POST", "/api/auth/signup", "201"],
        ["GET", "/api/conversations", "200"],
        ["GET", "/api/*", "404"],
    ]
    assert not [line for line in lines if "secret" in line or ann.access_token in line]


async def test_every_answer_carries_security_headers(api: Api) -> None:
    for path in ("/api/health", "/nothing", "/onswift/docs", "/healthz"):
        async with api.client.get(path) as response:
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            assert "Server" not in response.headers


async def test_calls_are_served_under_the_marketplace_and_at_the_root_while_it_is_the_only_one(api: Api) -> None:
    ann = await api.signed_up()
    ann.prefix = "/onswift/api"
    assert (await ann.get("/users/me")).status == 200


async def test_only_listed_origins_may_call_from_a_browser(env: Environment) -> None:
    settings = msgspec.structs.replace(env.settings, cors_origins=("https://app.example.com",))
    async with TestClient(TestServer(build_app(settings, env.resources, env.publisher))) as client:
        asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "PUT"}
        async with client.options("/api/users/me", headers=asked) as preflight:
            assert preflight.status == 204
            assert preflight.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
            assert {"PUT", "PATCH"} <= {*preflight.headers["Access-Control-Allow-Methods"].split(", ")}
            assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
        async with client.get("/api/users/me", headers={"Origin": "https://app.example.com"}) as refused:
            assert refused.status == 401
            assert refused.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
            assert "Origin" in refused.headers["Vary"]
        async with client.options("/api/users/me", headers=asked | {"Origin": "https://evil.example"}) as other:
            assert other.status == 405
            assert "Access-Control-Allow-Origin" not in other.headers


async def test_the_hundred_and_first_call_of_a_minute_is_refused(api: Api) -> None:
    ann, bob = await api.signed_up(), await api.signed_up()
    replies = [await ann.get("/health") for _ in range(3)]
    assert "RateLimit" in replies[0].headers, "a public call counts for its address"
    statuses: list[int] = []
    while 429 not in statuses[-10:] and len(statuses) < 300:  # it refills meanwhile
        statuses += [reply.status for reply in await asyncio.gather(*(ann.get("/users/me") for _ in range(10)))]
    assert statuses.count(200) >= 100
    assert statuses.count(429) >= 1
    assert (await bob.get("/users/me")).status == 200
    refused = await ann.get("/users/me")
    assert (refused.status, refused.code) == (429, "RATE_LIMITED")
    assert int(refused.headers["Retry-After"]) >= 1


async def test_messages_have_a_rate_of_their_own(api: Api) -> None:
    ann, bob = await api.signed_up("creator"), await api.signed_up("talent")
    id = (await ann.post("/conversations", participantId=bob.id)).body["id"]
    codes: list[int] = []
    while 429 not in codes[-10:] and len(codes) < 90:  # it refills meanwhile
        sends = (ann.post(f"/conversations/{id}/messages", content="x") for _ in range(10))
        codes += [reply.status for reply in await asyncio.gather(*sends)]
    assert codes.count(201) >= 28, "two of the burst paid for the conversation"
    assert codes.count(429) >= 1
    assert (await ann.get("/users/me")).status == 200


async def test_limits_can_be_turned_off(env: Environment) -> None:
    settings = msgspec.structs.replace(env.settings, rate_limits="off")
    resources = dataclasses.replace(env.resources, settings=settings)
    async with TestClient(TestServer(build_app(settings, resources, env.publisher))) as client:
        api = Api(client)
        replies = await asyncio.gather(*(api.log_in("nobody@example.com") for _ in range(10)))
        assert {reply.status for reply in replies} == {401}


async def test_a_forwarded_address_is_believed_from_a_trusted_proxy_only(env: Environment) -> None:
    async def locked_out(settings: Settings, forwarded: str) -> bool:
        return await status(settings, forwarded) == 429

    async def status(settings: Settings, forwarded: str) -> int:
        resources = dataclasses.replace(env.resources, settings=settings)
        async with TestClient(TestServer(build_app(settings, resources, env.publisher))) as client:
            caller = Caller(client, headers={"X-Forwarded-For": forwarded})
            reply = await caller.post("/auth/login", email="nobody@example.com", password="x")
            return reply.status

    behind = msgspec.structs.replace(env.settings, trusted_proxies=("127.0.0.0/8", "10.0.0.1"))
    for _ in range(5):
        assert not await locked_out(behind, "6.6.6.6, 1.2.3.4, 10.0.0.1")
    assert await locked_out(behind, "7.7.7.7, 1.2.3.4"), "what the client made up before it does not count"
    assert await locked_out(behind, "1.2.3.4:4711"), "nor does the port"
    assert not await locked_out(behind, "1.2.3.5")
    for wrong in ("nobody knows", ""):
        assert await status(behind, wrong) == 400, "what our own proxy says must make sense"
    for _ in range(5):
        assert not await locked_out(env.settings, "1.2.3.4"), "here it is 127.0.0.1 that calls"
    assert await locked_out(env.settings, "1.2.3.9")


async def test_without_redis_calls_are_answered_and_a_mail_is_not_promised(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await api.signed_up()

    async def gone(*_: Any, **__: Any) -> None:
        raise ConnectionError("Redis is away")

    monkeypatch.setattr(env.resources.redis, "evalsha", gone)
    monkeypatch.setattr("arq.ArqRedis.enqueue_job", gone)
    assert (await ann.get("/users/me")).status == 200
    assert (await api.log_in(ann.email)).status == 200
    reply = await api.anyone.post("/auth/forgot-password", email=ann.email)
    assert (reply.status, reply.code) == (503, "UNAVAILABLE")
    assert "Retry-After" in reply.headers
    sql = "select count(*) from one_time_tokens where purpose = $1"
    assert await env.resources.db.fetchval(sql, RESET) == 0, "nothing is stored that was not mailed"


async def test_calls_get_503_while_the_database_is_down_and_recover(settings: Settings, servers_folder: Path) -> None:
    folder = servers_folder / "mortal"
    async with AsyncExitStack() as stack:
        with embedded_postgres(folder, fsync=False) as server:
            await migrate(server.url)
            settings = msgspec.structs.replace(settings, database_url=server.url)
            resources = await stack.enter_async_context(open_resources(settings))
            publisher = await stack.enter_async_context(open_publisher(settings, resources))
            app = build_app(settings, resources, publisher)
            api = Api(await stack.enter_async_context(TestClient(TestServer(app))))
            ann = await api.signed_up()
        for reply in await asyncio.gather(*(ann.get("/users/me") for _ in range(20))):
            assert (reply.status, reply.code) == (503, "UNAVAILABLE")
            assert "Retry-After" in reply.headers
        async with api.client.get("/readyz") as response:
            assert response.status == 503
            assert "database" in (await response.json())["missing"]
        with embedded_postgres(folder, fsync=False):
            assert (await ann.get("/users/me")).status == 200


async def test_a_call_that_hangs_is_given_up(api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = await api.signed_up()
    monkeypatch.setattr(endpoint, "CALL_SECONDS", 0.2)
    async with env.resources.db.acquire() as connection, connection.transaction():
        await connection.execute("lock table users in access exclusive mode")
        reply = await ann.get("/users/me")
    assert (reply.status, reply.code) == (503, "UNAVAILABLE")


async def test_health_and_readiness_are_answered(api: Api) -> None:
    for path in ("/healthz", "/readyz", "/api/health"):
        async with asyncio.timeout(PATIENCE):
            while (found := await answered(api, path)) != (200, "ok"):
                assert found == (503, "unavailable"), path
                await asyncio.sleep(0.1)


async def answered(api: Api, path: str) -> tuple[int, str]:
    async with api.client.get(path) as response:
        return response.status, (await response.json())["status"]


async def test_the_page_and_its_files_are_served_and_nothing_else_of_their_folder(api: Api) -> None:
    async with api.client.get("/") as page:
        assert page.status == 200
        assert "text/html" in page.headers["Content-Type"]
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    async with api.client.get("/web/vendor/socket.io.js") as script:
        assert script.status == 200
        assert "javascript" in script.headers["Content-Type"]
    for path in (
        "/web/package.json",
        "/web/..%2Fpyproject.toml",
        "/web/node_modules/x.js",
        "/web/vendor/x.js",
        "/web/.npmrc",
    ):
        async with api.client.get(path) as response:
            assert (await read(response)).code == "NOT_FOUND", path


async def test_the_documents_are_there_and_work_offline(api: Api) -> None:
    for path in ("/onswift/openapi.json", "/api/openapi.json"):
        async with api.client.get(path) as response:
            assert (await response.json())["openapi"] == "3.1.0"
    async with api.client.get("/onswift/docs") as page:
        html = await page.text()
        assert "http" not in html, "nothing comes from elsewhere"
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
        assert f"docs/{name}" in html
        async with api.client.get(f"/onswift/docs/{name}") as response:
            assert response.status == 200
    async with api.client.get("/onswift/docs/package.json") as response:
        assert response.status == 404
