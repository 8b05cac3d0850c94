"""What one address may ask before anything is done for it. Five requests an hour here, so that nobody has to send many."""

import logging
from dataclasses import replace

import msgspec
import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer

from api import admission
from api.app import build_app
from core.limits.budget import Rate
from tests.flow.api.conftest import Api, Caller
from tests.flow.conftest import Environment, without_limits

MOST = 5


@pytest.fixture(autouse=True)
def few_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "REQUESTS", Rate("requests", MOST, 3600))


async def statuses(caller: Caller, path: str, count: int, method: str = "GET") -> list[int]:
    return [(await caller.call(method, path)).status for _ in range(count)]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/users/me", 401), ("POST", "/api/projects", 401), ("GET", "/nothing", 404), ("PATCH", "/api/projects", 405),
        ("GET", "/api/files/018f0000-0000-7000-8000-000000000000/a.png", 404), ("GET", "/api/files/no-id/a.png", 404),
        ("GET", "/api/files/blob/no-token", 403), ("PUT", "/api/upload/blob/no-token", 403),
        ("GET", "/", 200), ("GET", "/onswift/docs", 200), ("GET", "/onswift/openapi.json", 200), ("GET", "/web/none.js", 404),
        ("OPTIONS", "/api/projects", 405),
    ],
)  # fmt: skip
async def test_every_request_of_an_address_counts_also_what_fails(
    api: Api, method: str, path: str, status: int
) -> None:
    guesser = Caller(api.client, "", access_token="no-token" if status == 401 else "")
    assert await statuses(guesser, path, MOST + 2, method) == [status] * MOST + [429] * 2


async def test_a_refusal_says_when_to_retry_and_ends_the_connection(api: Api) -> None:
    await statuses(api.anyone, "/nothing", MOST)
    refused = await api.anyone.get("/users/me")
    assert (refused.status, refused.code) == (429, "RATE_LIMITED")
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.headers["Connection"] == "close"
    assert refused.headers["Cache-Control"] == "no-store"


async def test_a_valid_login_is_not_charged_to_its_address(api: Api) -> None:
    ann = await api.signed_up()
    assert await statuses(ann, "/users/me", 3 * MOST) == [200] * 3 * MOST
    assert await statuses(api.anyone, "/users/me", MOST) == [401] * (MOST - 1) + [429], "signing up was the first"


async def test_strangers_at_her_address_do_not_lock_a_user_out(api: Api) -> None:
    ann = await api.signed_up()
    await statuses(api.anyone, "/nothing", MOST)
    assert await statuses(api.anyone, "/users/me", 1) == [429]
    assert await statuses(ann, "/users/me", 3 * MOST) == [200] * 3 * MOST


async def test_an_ended_session_counts_however_well_its_token_is_signed(api: Api) -> None:
    ann = await api.signed_up()
    assert (await ann.post("/auth/logout")).status == 204
    of_address, of_hers = MOST - 1, MOST
    assert await statuses(ann, "/users/me", MOST * 2) == [401] * (of_address + of_hers) + [429]


async def test_failures_count_among_the_public_calls_of_all_processes(api: Api, env: Environment) -> None:
    assert (await Caller(api.client, access_token="no-token").get("/users/me")).status == 401
    assert await env.resources.redis.keys("limit:onswift:address:*") != []


async def test_an_operator_comes_in_and_guesses_at_her_secret_do_not_reach_redis_for_ever(
    operator: Caller, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.ops.operators.GUESSES", Rate("operator_guesses", 1000, 60))
    guesser = Caller(operator.client, "/ops", access_token="a-guess")
    assert await statuses(guesser, "/me", MOST + 1) == [401] * MOST + [429]
    assert await statuses(operator, "/me", MOST + 1) == [200] * (MOST + 1)


async def test_an_address_that_asks_too_much_is_one_line_in_the_log_and_counted(
    api: Api, env: Environment, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "api")
    caplog.set_level(logging.INFO, "core.limits.offenders")
    await statuses(api.anyone, "/nothing", MOST + 4)
    lines = [record.getMessage() for record in caplog.records]
    assert [line for line in lines if line.startswith("127.0.0.0/24 exceeds the limit")] == lines[-1:]
    assert len(lines) == MOST + 1
    async with api.client.get("/metrics") as metrics:
        assert 'greenroom_limited_total{kind="requests"} 4.0' in await metrics.text()


async def test_each_address_behind_a_trusted_proxy_has_its_own(env: Environment) -> None:
    settings = msgspec.structs.replace(env.settings, trusted_proxies=("127.0.0.0/8",))
    app = build_app(settings, replace(env.resources, settings=settings), env.publisher)
    async with TestClient(TestServer(app)) as client:
        one, other = (Caller(client, headers={"X-Forwarded-For": address}) for address in ("1.2.3.4", "1.2.3.5"))
        assert (await statuses(one, "/nothing", MOST + 1))[-1] == 429
        assert await statuses(other, "/nothing", 1) == [404]


async def test_pages_of_other_origins_can_read_that_they_are_refused(env: Environment) -> None:
    settings = msgspec.structs.replace(env.settings, cors_origins=("https://app.example.com",))
    async with TestClient(TestServer(build_app(settings, env.resources, env.publisher))) as client:
        page = Caller(client, headers={"Origin": "https://app.example.com"})
        assert await statuses(page, "/users/me", MOST + 1, "OPTIONS") == [204] * MOST + [429]
        refused = await page.get("/users/me")
        assert (refused.status, refused.headers["Access-Control-Allow-Origin"]) == (429, "https://app.example.com")


async def test_load_tests_are_not_limited(env: Environment) -> None:
    settings = without_limits(env.settings)
    app = build_app(settings, replace(env.resources, settings=settings), env.publisher)
    async with TestServer(app) as server, ClientSession() as session:
        for _ in range(2 * MOST):
            async with session.get(server.make_url("/nothing")) as answer:
                assert answer.status == 404
