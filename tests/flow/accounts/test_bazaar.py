"""What accounts can do at a marketplace that has all of it, in its own paths and words."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import msgspec
import pytest
from aiohttp import ClientSession, CookieJar, DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer

import marketplaces
from api.app import build_app
from cli.login_provider import login_provider
from cli.login_provider.people import PEOPLE
from cli.login_provider.server import LoginProvider
from config.settings import Settings
from core.accounts.status.changes import set_status
from core.base.ids import BigintIds
from core.work.context import Ctx
from tests import bazaar
from tests.bazaar.people import BEARER, PREFIX, BazaarApi, with_bazaar
from tests.flow.accounts.conftest import PHONE, Phones
from tests.flow.accounts.oauth.site import Browser, Site
from tests.flow.api.conftest import PASSWORD, Caller, Reply, operating
from tests.flow.conftest import Environment, open_environment
from tests.policies import ChangePolicy

IDS = BigintIds("bazaar")


@pytest.fixture
async def env(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Environment]:
    """Return an environment that serves the bazaar, where people log in at a local provider."""
    monkeypatch.setitem(marketplaces.ALL, "bazaar", bazaar.MARKETPLACE)
    await with_bazaar(settings)
    async with login_provider() as provider:
        settings = msgspec.structs.replace(settings, marketplaces=("bazaar",), oauth_local_url=provider.url)
        async with open_environment(settings, "bazaar") as env:
            env.provider = provider
            yield env


@pytest.fixture
async def api(env: Environment, light_passwords: None) -> AsyncIterator[BazaarApi]:
    """Return the bazaar's API at the address that its providers send browsers to."""
    server = TestServer(build_app(env.settings, env.resources, env.publisher), port=env.settings.port)
    async with TestClient(server, cookie_jar=DummyCookieJar()) as client:
        yield BazaarApi(client)


@dataclass
class Visitor(Browser):
    """A browser at the bazaar."""

    async def begin(self, provider: str, role: str = "buyer", page: str = "") -> str:
        url = f"{self.site.url}/bazaar{PREFIX}/auth/oauth/{provider}"
        async with self.http.get(url, params={"user_type": role, "page": page}) as response:
            assert response.status == 200, await response.text()
            return str(response.url)

    async def redeem(self, code: str, **headers: str) -> dict[str, Any]:
        url = f"{self.site.url}/bazaar{PREFIX}/auth/oauth/redeem"
        async with self.http.post(url, json={"code": code}, headers=BEARER | headers) as response:
            answer: dict[str, Any] = await response.json()
            return answer


@asynccontextmanager
async def visiting(env: Environment) -> AsyncIterator[Visitor]:
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
        yield Visitor(Site(env, LoginProvider()), http)


def operator(env: Environment) -> Ctx:
    return Ctx(env.resources, env.publisher, bazaar.MARKETPLACE.policy, "test")


async def by_phone(api: BazaarApi, phones: Phones, **new: str) -> Reply:
    """Log in with a code that was sent to PHONE."""
    assert (await api.anyone.post("/auth/otp/send", phone=PHONE)).status == 200
    code = (await phones.texts.next()).code
    await phones.rest()
    return await api.anyone.post("/auth/otp/verify", phone=PHONE, code=code, **new)


async def test_a_phone_signs_up_with_its_code_and_logs_in_with_the_next(api: BazaarApi, phones: Phones) -> None:
    logins = [await by_phone(api, phones, **more) for more in ({"name": "Pam", "user_type": "buyer"}, {})]
    assert [one.status for one in logins] == [200, 200]
    first, again = (api.logged_in(one) for one in logins)
    assert first.id == again.id
    me = (await again.get("/auth/me")).body["data"]
    assert (me["name"], me["email"], me["user_type"]) == ("Pam", None, "buyer")


async def test_a_suspended_account_is_cut_off_in_the_words_of_the_market(api: BazaarApi, env: Environment) -> None:
    ann = await api.signed_up()
    await set_status(operator(env), UUID(IDS.taken(ann.id)), "suspended", "spam", operator="olga")
    reply = await ann.get("/auth/me")
    assert (reply.status, reply.code) == (403, "ACCOUNT_SUSPENDED")
    assert (await api.anyone.post("/auth/refresh", refresh_token=ann.refresh_token)).code == "ACCOUNT_SUSPENDED"


async def test_an_operator_suspends_an_account_and_takes_that_back(api: BazaarApi, env: Environment) -> None:
    ann = await api.signed_up()
    async with operating(env) as olga:
        path = f"/users/{IDS.taken(ann.id)}/status"
        reply = await olga.post(path, status="suspended", reason="spam")
        assert (reply.status, reply.body["status"]) == (200, "suspended")
        assert (await ann.get("/auth/me")).code == "ACCOUNT_SUSPENDED"
        assert (await olga.post(path, status="active", reason="a mistake")).status == 200
    again = api.logged_in(await api.log_in(ann.email))
    assert (await again.get("/auth/me")).status == 200


async def by_app(api: BazaarApi, env: Environment, provider: str, person: str = "ada", **more: str) -> Reply:
    """Log in as an app does."""
    nonce = (await api.anyone.post("/auth/oauth/nonce")).body["data"]["nonce"]
    assert env.provider
    token = env.provider.id_token(provider, PEOPLE[person], nonce)
    return await api.anyone.post(f"/auth/oauth/{provider}/token", token=token, nonce=nonce, **more)


@pytest.mark.parametrize("provider", ["google", "apple"])
async def test_an_app_signs_up_and_logs_in_by_a_token_of_a_provider(
    api: BazaarApi, env: Environment, provider: str
) -> None:
    assert (await by_app(api, env, provider)).code == "OAUTH_NO_ACCOUNT"
    first = api.logged_in(await by_app(api, env, provider, user_type="buyer", name="Ada Example"))
    again = api.logged_in(await by_app(api, env, provider))
    assert again.id == first.id
    me = (await again.get("/auth/me")).body["data"]
    assert (me["name"], me["user_type"]) == ("Ada Example", "buyer")


async def test_a_token_of_an_app_is_good_once_and_with_its_own_nonce(api: BazaarApi, env: Environment) -> None:
    assert env.provider
    nonces = [(await api.anyone.post("/auth/oauth/nonce")).body["data"]["nonce"] for _ in range(2)]
    token = env.provider.id_token("google", PEOPLE["ada"], nonces[0])
    codes = [
        (await api.anyone.post("/auth/oauth/google/token", token=token, nonce=nonce, user_type="buyer")).body.get(
            "code"
        )
        for nonce in (nonces[1], nonces[0], nonces[0], "made-up")
    ]
    assert codes == ["OAUTH_TOKEN_INVALID", None, "OAUTH_STATE_INVALID", "OAUTH_STATE_INVALID"]


async def test_whatever_an_account_is_made_with_it_has_what_the_market_keeps_beside_it(
    api: BazaarApi, env: Environment, phones: Phones
) -> None:
    people = [await api.signed_up(), api.logged_in(await by_phone(api, phones, name="Pam", user_type="buyer"))]
    people.append(api.logged_in(await by_app(api, env, "google", user_type="buyer")))
    async with visiting(env) as visitor:
        body = await visitor.log_in("google", "ben", "buyer")
    people.append(replace(api.anyone, access_token=body["data"]["access_token"]))
    for one in people:
        assert (await one.call("PATCH", "/auth/me", json={"motto": "Buy low"})).status == 200
        assert (await one.get("/auth/me")).body["data"]["motto"] == "Buy low"


@pytest.mark.parametrize("provider", ["google", "apple"])
async def test_somebody_signs_up_and_logs_in_by_a_provider(api: BazaarApi, env: Environment, provider: str) -> None:
    async with visiting(env) as visitor:
        first = await visitor.log_in(provider, "ada", "buyer")
        again = await visitor.log_in(provider, "ada", "")
    assert first["data"]["user"] == again["data"]["user"]
    ann = replace(api.anyone, access_token=again["data"]["access_token"])
    linked = (await ann.get("/auth/providers")).body["data"]["providers"]
    assert [one["provider"] for one in linked] == [provider]
    assert (await ann.delete(f"/auth/providers/{provider}")).code == "LAST_LOGIN_METHOD"


async def test_another_browser_gets_no_tokens_for_a_code(api: BazaarApi, env: Environment) -> None:
    async with visiting(env) as visitor, visiting(env) as thief:
        code = (await visitor.end("google", "ada", "buyer"))["oauth"]
        assert "data" not in await thief.redeem(code)
        assert "data" in await visitor.redeem(code)


async def test_a_page_that_keeps_its_tokens_in_cookies_refreshes_after_a_login_by_a_provider(
    api: BazaarApi, env: Environment
) -> None:
    auth = f"{env.settings.public_url}/bazaar{PREFIX}/auth"
    async with visiting(env) as visitor:
        code = (await visitor.end("google", "ada", "buyer"))["oauth"]
        answers = []
        for path, body in (("/oauth/redeem", {"code": code}), ("/refresh", {})):
            async with visitor.http.post(auth + path, json=body) as response:
                answers.append((response.status, "token" in await response.text()))
    assert answers == [(200, False), (200, False)]


async def test_a_program_calls_with_a_key_what_the_key_is_for(api: BazaarApi) -> None:
    ann = await api.signed_up()
    made = await ann.post("/auth/api-keys", name="A program", scopes=["listings"])
    assert made.status == 201
    key, id = made.body["data"]["key"], made.body["data"]["api_key"]["id"]
    by_bearer = replace(api.anyone, access_token=key)
    by_header = replace(api.anyone, headers={"X-API-Key": key})
    assert await statuses(by_bearer, by_header) == [(200, 401), (200, 401)]
    assert (await ann.delete(f"/auth/api-keys/{id}")).status == 204
    assert await statuses(by_bearer, by_header) == [(401, 401), (401, 401)]


async def statuses(*programs: Caller) -> list[tuple[int, int]]:
    """Return what programs are answered: where keys are taken, and where they are not."""
    return [((await one.get("/listings")).status, (await one.get("/auth/me")).status) for one in programs]


async def test_a_sign_up_that_must_be_approved_is_stored_and_logs_in_afterwards(
    api: BazaarApi, env: Environment, change_policy: ChangePolicy
) -> None:
    change_policy(initial_status="pending")
    email = "new@example.com"
    new = {"email": email, "password": PASSWORD, "name": "New", "user_type": "buyer"}
    reply = await api.anyone.post("/auth/register", **new)
    assert (reply.status, reply.code) == (403, "ACCOUNT_PENDING")
    await approve_all(env)
    assert (await api.log_in(email)).status == 200


async def test_a_sign_up_by_phone_that_must_be_approved_is_stored_and_logs_in_afterwards(
    api: BazaarApi, env: Environment, phones: Phones, change_policy: ChangePolicy
) -> None:
    change_policy(initial_status="pending")
    for new in ({"name": "Pam", "user_type": "buyer"}, {}):
        reply = await by_phone(api, phones, **new)
        assert (reply.status, reply.code) == (403, "ACCOUNT_PENDING")
    assert await phones.users() == [(PHONE, "Pam")]
    await approve_all(env)
    pam = api.logged_in(await by_phone(api, phones))
    assert (await pam.get("/auth/me")).body["data"]["name"] == "Pam"


async def test_a_sign_up_by_a_provider_that_must_be_approved_is_stored_and_logs_in_afterwards(
    api: BazaarApi, env: Environment, change_policy: ChangePolicy
) -> None:
    change_policy(initial_status="pending")
    for new in ({"user_type": "buyer"}, {}):
        reply = await by_app(api, env, "google", **new)
        assert (reply.status, reply.code) == (403, "ACCOUNT_PENDING")
    async with visiting(env) as visitor:
        assert (await visitor.log_in("google", "ada", ""))["code"] == "ACCOUNT_PENDING"
    await approve_all(env)
    assert (await by_app(api, env, "google")).status == 200


async def approve_all(env: Environment) -> None:
    """Have an operator approve all accounts."""
    async with operating(env) as olga:
        for row in await env.resources.db.fetch("select id from users"):
            reply = await olga.post(f"/users/{row['id']}/status", status="active", reason="approved")
            assert (reply.status, reply.body["status"]) == (200, "active")
