"""Tokens in cookies, and what keeps other sites from using them."""

from collections.abc import AsyncIterator
from http.cookies import Morsel
from io import BytesIO

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer

from api.app import build_app
from config.settings import Settings
from core.accounts import csrf
from core.platform.tokens import REFRESH_LIFETIME
from tests.flow.api.conftest import PASSWORD, Api, Caller, Reply, serving
from tests.flow.conftest import Environment

COOKIE = {"X-Token-Transport": "cookie"}


class Browser(Caller):
    """A page that keeps its tokens in cookies."""

    @property
    def cookies(self) -> dict[str, Morsel[str]]:
        return {cookie.key: cookie for cookie in self.client.session.cookie_jar}

    @property
    def csrf(self) -> dict[str, str]:
        return {"X-CSRF-Token": self.cookies["onswift-csrf"].value}

    async def log_in(self, email: str) -> Reply:
        body = {"email": email, "password": PASSWORD}
        return await self.call("POST", "/auth/login", json=body, headers=COOKIE)


@pytest.fixture
async def api(env: Environment, light_passwords: None) -> AsyncIterator[Api]:
    """Return the API with clients that keep cookies."""
    async with serving(env) as api:
        yield api


@pytest.fixture
async def browser(api: Api) -> Browser:
    """Return a browser that is logged in."""
    browser = Browser(api.client)
    body = {"email": "ann@example.com", "password": PASSWORD, "name": "Ann", "userType": "creator"}
    reply = await browser.call("POST", "/auth/signup", json=body, headers=COOKIE)
    assert (reply.status, reply.body.keys()) == (201, {"user"})
    return browser


async def test_tokens_are_in_cookies_that_no_script_and_no_other_site_can_use(browser: Browser) -> None:
    kinds = {
        name: (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"])
        for name, cookie in browser.cookies.items()
    }
    assert kinds == {
        "onswift-access": (True, "Strict", "/", ""),
        "onswift-refresh": (True, "Strict", "/api/auth", ""),
        "onswift-csrf": ("", "Strict", "/", ""),
        "onswift-device": (True, "Strict", "/api/auth", ""),
    }
    assert (await browser.get("/users/me")).status == 200


async def test_without_the_header_tokens_are_in_the_body_and_nowhere_else(api: Api) -> None:
    ann = await api.signed_up()
    assert ann.access_token
    reply = await api.log_in(ann.email)
    assert reply.body.keys() == {"user", "accessToken", "refreshToken"}
    (cookie,) = reply.headers.getall("Set-Cookie")
    assert cookie.startswith("onswift-device="), "it opens nothing"


async def test_over_https_the_cookies_are_held_to_it_and_to_this_host(env: Environment) -> None:
    env.settings = msgspec.structs.replace(env.settings, public_url="https://onswift.example")
    object.__setattr__(env.resources, "settings", env.settings)
    app = build_app(env.settings, env.resources, env.publisher)
    async with TestClient(TestServer(app)) as client:
        body = {"email": "ann@example.com", "password": PASSWORD, "name": "Ann", "userType": "creator"}
        response = await client.post("/api/auth/signup", json=body, headers=COOKIE)
        cookies = response.cookies
    assert cookies.keys() == {
        "__Host-onswift-access", "__Secure-onswift-refresh", "__Host-onswift-csrf", "__Secure-onswift-device",
    }  # fmt: skip
    assert all(cookie["secure"] for cookie in cookies.values())
    assert all(cookie["path"] == "/" and not cookie["domain"] for name, cookie in cookies.items() if "Host" in name)


async def test_what_changes_something_needs_the_token_of_the_session(browser: Browser) -> None:
    forged = (
        await browser.put("/users/me", name="Mallory"),
        await browser.call("PUT", "/users/me", json={"name": "Mallory"}, headers={"X-CSRF-Token": "guess"}),
        await browser.delete("/users/me"),
        await browser.call("POST", "/users/me/avatar", data={"avatar": BytesIO(b"x")}),
        await browser.call("POST", "/auth/logout"),
    )
    assert [(reply.status, reply.code) for reply in forged] == [(403, "CSRF_TOKEN_INVALID")] * 5
    assert (await browser.get("/users/me")).body["name"] == "Ann"
    changed = await browser.call("PUT", "/users/me", json={"name": "Anna"}, headers=browser.csrf)
    assert (changed.status, changed.body["name"]) == (200, "Anna")


async def test_a_bearer_token_needs_none_also_when_there_are_cookies(api: Api, browser: Browser) -> None:
    ann = api.logged_in(await api.log_in("ann@example.com"))
    assert (await ann.put("/users/me", name="Anna")).status == 200


async def test_the_token_of_another_session_or_of_nobody_is_good_for_nothing(
    api: Api, env: Environment, browser: Browser
) -> None:
    own = browser.csrf["X-CSRF-Token"]
    nobodys = csrf.issue(env.resources.keys, REFRESH_LIFETIME, None).csrf_token
    await browser.log_in("ann@example.com")
    url = api.client.make_url("/")
    for token in (own, nobodys, browser.cookies["onswift-access"].value):
        api.client.session.cookie_jar.update_cookies({"onswift-csrf": token}, url)
        reply = await browser.call("PUT", "/users/me", json={"name": "Mallory"}, headers={"X-CSRF-Token": token})
        assert reply.code == "CSRF_TOKEN_INVALID", "it is in header and cookie, but not of this session"


async def test_who_is_not_logged_in_gets_a_token_of_nobody(api: Api) -> None:
    reply = await api.anyone.get("/auth/csrf")
    assert (reply.status, reply.body.keys()) == (200, {"csrfToken"})


async def test_a_page_can_ask_for_the_token_of_its_session(browser: Browser) -> None:
    reply = await browser.get("/auth/csrf")
    assert reply.status == 200
    token = reply.body["csrfToken"]
    assert browser.cookies["onswift-csrf"].value == token
    changed = await browser.call("PUT", "/users/me", json={"name": "Anna"}, headers={"X-CSRF-Token": token})
    assert changed.status == 200


async def test_the_cookie_refreshes_for_who_can_set_the_header(browser: Browser) -> None:
    before = browser.cookies["onswift-refresh"].value
    forged = await browser.call("POST", "/auth/refresh", json={})
    assert (forged.status, forged.fields) == (400, ["refreshToken"])
    reply = await browser.call("POST", "/auth/refresh", headers=COOKIE)
    assert (reply.status, reply.body) == (200, {})
    assert browser.cookies["onswift-refresh"].value != before
    assert (await browser.call("PUT", "/users/me", json={"name": "Anna"}, headers=browser.csrf)).status == 200


async def test_a_logout_ends_the_session_and_takes_the_cookies_away(browser: Browser) -> None:
    access = browser.cookies["onswift-access"].value
    assert (await browser.call("POST", "/auth/logout", headers=browser.csrf | COOKIE)).status == 204
    assert browser.cookies.keys() == {"onswift-device"}
    again = Caller(browser.client, access_token=access)
    assert (await again.get("/users/me")).code == "SESSION_ENDED"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, cors_origins=("https://app.example",))


async def test_other_sites_may_not_even_ask_and_those_of_the_list_may(api: Api) -> None:
    async def preflight(origin: str) -> Reply:
        ask = {
            "Origin": origin, "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-token-transport,x-csrf-token",
        }  # fmt: skip
        response = await api.client.options("/api/auth/login", headers=ask)
        return Reply(response.status, None, response.headers)

    allowed, refused = await preflight("https://app.example"), await preflight("https://evil.example")
    assert "X-CSRF-Token" in allowed.headers["Access-Control-Allow-Headers"]
    assert "X-Token-Transport" in allowed.headers["Access-Control-Allow-Headers"]
    assert allowed.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Access-Control-Allow-Origin" not in refused.headers


async def test_answers_that_set_cookies_carry_the_security_headers(browser: Browser) -> None:
    reply = await browser.log_in("ann@example.com")
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "Strict-Transport-Security" in reply.headers
