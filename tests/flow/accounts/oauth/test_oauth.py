"""Logins by a provider in a browser: who gets in, and what of a login is of use to nobody else, and to nobody twice."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from core.accounts.oauth import flows, login
from core.accounts.oauth.login import Callback
from core.base import clock
from core.base.errors import AppError
from core.limits.budget import Window
from tests.flow.accounts.oauth.site import COOKIE, Browser, Site, browser_of, user_of
from tests.flow.api.conftest import audited
from tests.flow.conftest import at_bazaar

pytestmark = at_bazaar
STATE_INVALID = {"oauth-error": "OAUTH_STATE_INVALID", "path": "/"}


@pytest.mark.parametrize(
    ("provider", "person", "email"),
    [
        ("google", "ada", "ada.example@gmail.com"),
        ("google", "cleo", "cleo@elsewhere.example"),
        ("apple", "ada", "ada.example@gmail.com"),
        ("google", "dan", None),
        ("facebook", "ada", None),
    ],
)
async def test_a_new_person_signs_up_with_an_address_only_if_the_provider_has_verified_it(
    site: Site, browser: Browser, provider: str, person: str, email: str | None
) -> None:
    answer = await browser.log_in(provider, person, role="seller")
    row = await site.env.resources.db.fetchrow("select * from users where id = $1::text::uuid", answer["id"])
    assert (row["name"], row["role"], row["email"]) == (f"{person.title()} Example", "seller", email)
    assert (row["email_verified_at"] is not None) == (email is not None)
    assert row["password_hash"] == "!"
    assert (await user_of(site, answer)).id == row["id"]


@pytest.mark.parametrize("provider", ["google", "apple", "facebook"])
async def test_the_next_login_is_to_the_same_account_whatever_role_it_names(
    browser: Browser, other_browser: Browser, provider: str
) -> None:
    first = await browser.log_in(provider, "ada")
    again = await other_browser.log_in(provider, "ada", role="")
    assert (again["id"], again["name"]) == (first["id"], "Ada Example")
    somebody_else = await other_browser.log_in(provider, "ben")
    assert somebody_else["id"] != first["id"]


async def test_who_is_new_and_names_no_role_gets_no_account(site: Site, browser: Browser) -> None:
    assert await browser.end("google", "ada", role="") == {"oauth-error": "OAUTH_NO_ACCOUNT", "path": "/"}
    assert await site.env.resources.db.fetchval("select count(*) from users") == 0


async def test_only_roles_and_providers_of_the_marketplace_are_taken(site: Site) -> None:
    with pytest.raises(AppError) as refused:
        await login.begin(site.ctx(), "google", role="admin")
    assert refused.value.kind.code == "VALIDATION_ERROR"
    site.rules = replace(site.rules, providers=frozenset({"google", "myspace"}))
    for name in ("apple", "myspace", "nobody"):
        with pytest.raises(AppError) as refused:
            await login.begin(site.ctx(), name)
        assert refused.value.kind.code == "NOT_FOUND"


@pytest.mark.parametrize("provider", ["google", "apple", "facebook"])
async def test_who_cancels_at_the_provider_lands_on_the_page_with_an_error(browser: Browser, provider: str) -> None:
    assert await browser.end(provider, "") == {"oauth-error": "OAUTH_DENIED", "path": "/"}


@pytest.mark.parametrize("provider", ["google", "apple", "facebook"])
async def test_a_callback_is_good_once(browser: Browser, provider: str) -> None:
    back = await browser.choose(await browser.begin(provider), "ada")
    assert "oauth" in await browser.come_back(back)
    assert await browser.come_back(back) == STATE_INVALID


@pytest.mark.parametrize("provider", ["google", "apple", "facebook"])
async def test_of_two_callbacks_at_once_one_is_good_even_if_the_provider_takes_a_code_twice(
    site: Site, browser: Browser, provider: str
) -> None:
    site.provider.grants.repeats = True
    back = await browser.choose(await browser.begin(provider), "ada")
    ends = await asyncio.gather(*(browser.come_back(back) for _ in range(5)))
    assert sorted("oauth" in end for end in ends) == [False] * 4 + [True]
    assert await site.env.resources.db.fetchval("select count(*) from users") == 1


@pytest.mark.parametrize("provider", ["google", "apple", "facebook"])
async def test_two_first_logins_at_once_make_one_account(site: Site, browser: Browser, provider: str) -> None:
    backs = [await browser.choose(await browser.begin(provider), "ada") for _ in range(4)]
    ends = await asyncio.gather(*map(browser.come_back, backs))
    answers = [await browser.redeem(end["oauth"]) for end in ends]
    assert len({answer["id"] for answer in answers}) == 1
    assert await site.env.resources.db.fetchval("select count(*) from users") == 1


async def test_a_code_opens_one_session_however_often_it_is_exchanged_at_once(site: Site, browser: Browser) -> None:
    code = (await browser.end("google", "ada"))["oauth"]
    answers = await asyncio.gather(*(browser.redeem(code) for _ in range(5)))
    assert sorted("accessToken" in answer for answer in answers) == [False] * 4 + [True]
    assert await site.env.resources.db.fetchval("select count(*) from sessions") == 1


async def test_a_login_that_was_begun_elsewhere_logs_nobody_in_here(browser: Browser, other_browser: Browser) -> None:
    back = await browser.choose(await browser.begin("google"), "ada")
    await other_browser.begin("google")
    assert await other_browser.come_back(back) == STATE_INVALID
    code = (await browser.come_back(back))["oauth"]
    assert await other_browser.redeem(code) == {"code": "OAUTH_STATE_INVALID"}
    assert "accessToken" in await browser.redeem(code)


async def test_a_code_of_the_provider_is_of_no_use_in_another_flow(browser: Browser, other_browser: Browser) -> None:
    stolen = await browser.choose(await browser.begin("google"), "ada")
    own = await other_browser.choose(await other_browser.begin("google"), "ben")
    own.fields["code"] = stolen.fields["code"]
    assert await other_browser.come_back(own) == {"oauth-error": "OAUTH_DENIED", "path": "/"}


async def test_two_tabs_of_a_browser_log_in_side_by_side(browser: Browser) -> None:
    first, second = await browser.begin("google"), await browser.begin("apple")
    assert "oauth" in await browser.come_back(await browser.choose(first, "ada"))
    assert "oauth" in await browser.come_back(await browser.choose(second, "ben"))


async def test_a_state_that_is_not_as_we_signed_it_is_refused(browser: Browser) -> None:
    back = await browser.choose(await browser.begin("google"), "ada")
    state = back.fields["state"]
    for changed in ("", state[:-2], "A" + state, "ü.ü", "a" * 5000, state.replace(".", "")):
        back.fields["state"] = changed
        assert (changed, await browser.come_back(back)) == (changed, STATE_INVALID)
    back.fields["state"] = state
    assert "oauth" in await browser.come_back(back)


async def test_a_state_is_of_one_provider_and_one_marketplace(site: Site, browser: Browser) -> None:
    back = await browser.choose(await browser.begin("google"), "ada")
    secret = next(cookie.value for cookie in browser.http.cookie_jar if cookie.key == COOKIE)
    callback = Callback(back.fields["state"], back.fields["code"])
    for ctx, name in ((site.ctx(), "apple"), (site.ctx(market="elsewhere"), "google")):
        url = await login.finish(ctx, name, callback, secret)
        assert url.endswith("#oauth-error=OAUTH_STATE_INVALID")
    assert "#oauth=" in await login.finish(site.ctx(), "google", callback, secret)


async def test_a_state_and_a_code_expire(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.now()
    back = await browser.choose(await browser.begin("google"), "ada")
    code = (await browser.end("google", "ada"))["oauth"]
    monkeypatch.setattr(clock, "now", lambda: now + flows.LIFETIME + timedelta(seconds=1))
    assert await browser.come_back(back) == STATE_INVALID
    assert await browser.redeem(code) == {"code": "OAUTH_STATE_INVALID"}


async def test_nobody_ends_on_another_site(site: Site) -> None:
    elsewhere = ["//evil.example", "/\\evil.example", "https://evil.example", "evil", "/\n/evil.example"]
    for page in (*elsewhere, "/a\n", "/ü", "/a#b", "/a" * 300):
        with pytest.raises(AppError) as refused:
            await login.begin(site.ctx(), "google", page=page)
        assert (page, refused.value.kind.code) == (page, "VALIDATION_ERROR")


async def test_a_browser_ends_on_the_page_that_it_came_from(browser: Browser) -> None:
    page = await browser.begin("google", page="/projects/7")
    assert (await browser.come_back(await browser.choose(page, "ada")))["path"] == "/projects/7"


async def test_the_page_gets_its_tokens_by_cookie_if_that_is_its_transport(site: Site, browser: Browser) -> None:
    code = (await browser.end("google", "ada"))["oauth"]
    answer = await browser.redeem(code, **{"X-Token-Transport": "cookie"})
    assert "accessToken" not in answer
    names = {cookie.key for cookie in browser.http.cookie_jar}
    assert {"bazaar-access", "bazaar-refresh", "bazaar-csrf"} <= names


async def test_failures_of_an_address_are_counted_and_logins_that_succeed_are_not(site: Site, browser: Browser) -> None:
    site.rules = replace(site.rules, failures=Window("oauth", 2, 900))
    for _ in range(3):
        assert "oauth" in await browser.end("google", "ada")
    for _ in range(2):
        assert await browser.end("google", "") == {"oauth-error": "OAUTH_DENIED", "path": "/"}
    assert await browser.end("google", "ada") == {"oauth-error": "RATE_LIMITED", "path": "/"}


async def test_sign_ups_are_limited_and_logins_go_on(site: Site, browser: Browser) -> None:
    site.rules = replace(site.rules, sign_ups=Window("oauth-sign-up", 1, 900))
    await browser.log_in("google", "ada")
    assert await browser.end("google", "ben") == {"oauth-error": "RATE_LIMITED", "path": "/"}
    await browser.log_in("google", "ada")


async def test_the_cookie_of_a_posted_callback_comes_along_with_a_request_of_another_site(site: Site) -> None:
    settings = site.env.resources.settings
    begun = [await login.begin(site.ctx(), name) for name in ("google", "apple")]
    assert [one.same_site for one in begun] == ["Lax", "Lax"]  # over http no browser takes None
    secure = msgspec.structs.replace(settings, public_url="https://site.example")
    site.env.resources = replace(site.env.resources, settings=secure)
    begun = [await login.begin(site.ctx(), name) for name in ("google", "apple")]
    assert [one.same_site for one in begun] == ["Lax", "None"]


async def test_who_types_a_name_is_that_person(browser: Browser) -> None:
    answer = await browser.log_in("google", "other", name="Eve \u202eExample", email="eve@gmail.com")
    assert answer["name"] == "Eve Example"


async def test_logins_and_sign_ups_are_in_the_audit_log(site: Site, browser: Browser) -> None:
    await browser.log_in("google", "ada")
    actions = [(action, facts) for action, _, facts in await audited(site.env)]
    assert actions == [
        ("user.sign_up", {"provider": "google"}),
        ("oauth.link", {"provider": "google"}),
        ("user.login", {"new_device": False, "method": "oauth"}),
    ]


async def test_nothing_of_the_provider_s_tokens_is_stored(site: Site, browser: Browser) -> None:
    await browser.log_in("facebook", "ada")
    tokens = list(site.provider.grants._tokens)
    rows = await site.env.resources.db.fetch("select row_to_json(o)::text as row from oauth_accounts o")
    assert tokens
    assert not any(token in row["row"] for row in rows for token in tokens)


async def test_browsers_keep_no_secret_of_another(site: Site) -> None:
    async with browser_of(site) as one, browser_of(site) as two:
        await one.begin("google")
        await two.begin("google")
        secrets = [next(c.value for c in b.http.cookie_jar if c.key == COOKIE) for b in (one, two)]
    assert len(set(secrets)) == 2
    assert all(len(secret) == flows.SECRET_LETTERS for secret in secrets)
