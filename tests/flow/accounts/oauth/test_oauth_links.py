"""Whose account the account of a provider gets into, and how it is linked and unlinked."""

import asyncio
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from yarl import URL

from core.accounts import identity, sessions
from core.accounts.oauth import links, login
from core.base import clock
from core.base.errors import AppError
from core.platform.passwords import hash_password
from core.privacy import erasure, exports
from core.work.context import User
from core.work.unit_of_work import unit_of_work
from tests.flow.accounts.oauth.site import COOKIE, Browser, Site, providers_of, user_of
from tests.flow.conftest import at_bazaar

pytestmark = at_bazaar
EMAIL_EXISTS = {"oauth-error": "EMAIL_EXISTS", "path": "/"}


async def account(site: Site, email: str, *, verified: bool = True) -> User:
    """Return somebody who has signed up with a password."""
    user, _ = await site.env.person("Ada Password")
    await site.env.resources.db.execute(
        "update users set email = $2, password_hash = $3, email_verified_at = $4 where id = $1",
        user.id, email, hash_password("Correct-horse-7"), clock.now() if verified else None,
    )  # fmt: skip
    return user


async def link(site: Site, browser: Browser, user: User, provider: str, person: str) -> dict[str, str]:
    """Link a provider to a user who is logged in, in a browser; return the fragment."""
    begun = await login.begin_link(site.ctx(user), provider, page="/settings")
    browser.http.cookie_jar.update_cookies({COOKIE: begun.secret}, URL(site.url))
    return await browser.come_back(await browser.choose(begun.url, person))


async def code_of(call: Any) -> str:
    """Return the code of the error that a call raises."""
    with pytest.raises(AppError) as refused:
        await call
    return refused.value.kind.code


@pytest.mark.parametrize(("provider", "person"), [("google", "ada"), ("google", "ben")])
async def test_a_provider_that_runs_the_mailbox_gets_into_the_account_with_that_verified_address(
    site: Site, browser: Browser, provider: str, person: str
) -> None:
    email = {"ada": "ADA.Example@gmail.com", "ben": "ben@company.example"}[person]
    user = await account(site, email)
    answer = await browser.log_in(provider, person)
    assert (answer["id"], answer["name"]) == (str(user.id), "Ada Password")
    assert await providers_of(site, user.id) == [provider]


async def test_nothing_is_linked_to_an_account_whose_address_nobody_has_verified(site: Site, browser: Browser) -> None:
    user = await account(site, "ada.example@gmail.com", verified=False)
    assert await browser.end("google", "ada") == EMAIL_EXISTS
    assert await providers_of(site, user.id) == []


async def test_an_address_elsewhere_that_a_provider_once_verified_gets_into_no_account(
    site: Site, browser: Browser
) -> None:
    user = await account(site, "cleo@elsewhere.example")
    assert await browser.end("google", "cleo") == EMAIL_EXISTS
    assert await providers_of(site, user.id) == []


async def test_an_address_that_the_provider_has_not_verified_tells_nothing_and_makes_an_account_without_one(
    site: Site, browser: Browser
) -> None:
    user = await account(site, "dan@elsewhere.example")
    answer = await browser.log_in("google", "dan")
    assert answer["id"] != str(user.id)


async def test_a_marketplace_may_have_users_link_providers_themselves_only(site: Site, browser: Browser) -> None:
    site.rules = replace(site.rules, links_by_email=False)
    await account(site, "ada.example@gmail.com")
    assert await browser.end("google", "ada") == EMAIL_EXISTS


async def test_an_address_that_changed_hands_does_not_bring_a_second_account_of_a_provider_in(
    site: Site, browser: Browser
) -> None:
    user = await account(site, "other@gmail.com")
    assert await link(site, browser, user, "google", "ben") == {"oauth-linked": "google", "path": "/settings"}
    await site.env.resources.db.execute("update users set email = 'ada.example@gmail.com' where id = $1", user.id)
    assert await browser.end("google", "ada") == EMAIL_EXISTS


async def test_a_user_links_providers_and_logs_in_by_each(site: Site, browser: Browser, other_browser: Browser) -> None:
    user = await account(site, "ada@example.com")
    for provider in ("google", "apple", "facebook"):
        assert await link(site, browser, user, provider, "ben") == {"oauth-linked": provider, "path": "/settings"}
        assert (await other_browser.log_in(provider, "ben"))["id"] == str(user.id)
    listed = await links.list_of_user(site.ctx(user))
    assert [one.provider for one in listed] == ["apple", "facebook", "google"]
    assert all(one.last_used_at for one in listed)
    assert await link(site, browser, user, "google", "ben") == {"oauth-linked": "google", "path": "/settings"}


async def test_an_account_of_a_provider_is_linked_to_one_user_and_a_user_to_one_of_each_provider(
    site: Site, browser: Browser
) -> None:
    user, other = await account(site, "ada@example.com"), await account(site, "bea@example.com")
    await link(site, browser, user, "google", "ben")
    refused = {"oauth-error": "OAUTH_ALREADY_LINKED", "path": "/settings"}
    assert await link(site, browser, other, "google", "ben") == refused
    assert await link(site, browser, user, "google", "cleo") == refused
    assert await providers_of(site, user.id) == ["google"]
    assert await providers_of(site, other.id) == []


async def test_two_users_who_link_the_same_account_at_once_do_not_both_get_it(
    site: Site, browser: Browser, other_browser: Browser
) -> None:
    users = [await account(site, f"{name}@example.com") for name in ("ada", "bea")]
    begun = [await login.begin_link(site.ctx(user), "google") for user in users]
    backs = []
    for one, own in zip(begun, (browser, other_browser), strict=True):
        own.http.cookie_jar.update_cookies({COOKIE: one.secret}, URL(site.url))
        backs.append(await own.choose(one.url, "ben"))
    ends = await asyncio.gather(browser.come_back(backs[0]), other_browser.come_back(backs[1]))
    assert sorted("oauth-linked" in end for end in ends) == [False, True]


async def test_who_has_not_verified_her_address_links_nothing(site: Site, browser: Browser) -> None:
    user = await account(site, "ada@example.com", verified=False)
    assert await code_of(login.begin_link(site.ctx(user), "google")) == "EMAIL_NOT_VERIFIED"


async def test_a_link_that_was_begun_ends_with_its_session(site: Site, browser: Browser) -> None:
    user = await account(site, "ada@example.com")
    begun = await login.begin_link(site.ctx(user), "google")
    browser.http.cookie_jar.update_cookies({COOKIE: begun.secret}, URL(site.url))
    back = await browser.choose(begun.url, "ben")
    async with unit_of_work(site.ctx()) as work:
        await sessions.end_all(work, user.id, "password reset")
    assert await browser.come_back(back) == {"oauth-error": "SESSION_ENDED", "path": "/"}
    assert await providers_of(site, user.id) == []


async def test_nobody_unlinks_her_last_way_in(site: Site, browser: Browser) -> None:
    user = await user_of(site, await browser.log_in("google", "ada"))
    ctx = site.ctx(user)
    assert await code_of(links.unlink(ctx, "google")) == "LAST_LOGIN_METHOD"
    assert await code_of(links.unlink(ctx, "apple")) == "OAUTH_NOT_LINKED"
    await link(site, browser, user, "apple", "ada")
    outcomes = await asyncio.gather(links.unlink(ctx, "google"), links.unlink(ctx, "apple"), return_exceptions=True)
    assert sorted(type(one).__name__ for one in outcomes) == ["AppError", "NoneType"]
    assert len(await providers_of(site, user.id)) == 1


async def test_a_confirmed_phone_number_is_a_way_in(site: Site, browser: Browser) -> None:
    user = await user_of(site, await browser.log_in("facebook", "ada"))
    await site.env.resources.db.execute("update users set phone = '+966512345678', phone_verified_at = now()")
    await links.unlink(site.ctx(user), "facebook")
    assert await providers_of(site, user.id) == []


async def test_who_is_suspended_gets_in_by_no_provider(site: Site, browser: Browser) -> None:
    await browser.log_in("google", "ada")
    await site.env.resources.db.execute("update users set status = 'suspended'")
    code = (await browser.end("google", "ada"))["oauth"]
    assert await browser.redeem(code) == {"code": "ACCOUNT_SUSPENDED"}


async def test_who_has_a_password_unlinks_all_and_the_provider_gets_nobody_in_any_more(
    site: Site, browser: Browser, other_browser: Browser
) -> None:
    user = await account(site, "ada@example.com")
    await link(site, browser, user, "google", "ben")
    code = (await other_browser.end("google", "ben"))["oauth"]
    await links.unlink(site.ctx(user), "google")
    assert await other_browser.redeem(code) == {"code": "OAUTH_STATE_INVALID"}
    assert await other_browser.end("google", "ben", role="") == {"oauth-error": "OAUTH_NO_ACCOUNT", "path": "/"}


async def test_a_code_ends_with_all_logins(site: Site, browser: Browser) -> None:
    user = await user_of(site, await browser.log_in("google", "ada"))
    code = (await browser.end("google", "ada"))["oauth"]
    async with unit_of_work(site.ctx()) as work:
        await sessions.end_all(work, user.id, "password reset")
    assert await browser.redeem(code) == {"code": "OAUTH_STATE_INVALID"}


async def test_no_password_opens_an_account_that_has_none(site: Site, browser: Browser) -> None:
    await browser.log_in("google", "ada")
    for password in ("", "nobody's password", "Correct-horse-7"):
        assert await code_of(identity.login(site.ctx(), "ada.example@gmail.com", password)) == "INVALID_CREDENTIALS"


async def test_a_new_device_is_reported_by_mail_and_the_first_one_is_not(site: Site, browser: Browser) -> None:
    first = await browser.log_in("google", "ada")
    await site.env.resources.db.execute("update sessions set remote = '198.51.100.9'")
    await browser.log_in("google", "ada")
    facts = await site.env.resources.db.fetch("select facts from audit_log where action = 'user.login' order by id")
    assert [row["facts"]["new_device"] for row in facts] == [False, True]
    assert first


async def test_an_erased_user_is_unknown_to_the_provider_s_account_and_the_export_had_it(
    site: Site, browser: Browser
) -> None:
    answer = await browser.log_in("google", "ada")
    ctx = site.ctx(await user_of(site, answer))
    with await exports.export(ctx) as file:
        data = msgspec.json.decode(file.read())["data"]
    (row,) = data["login providers"] if "login providers" in data else data["loginProviders"]
    assert (row["provider"], row["subject"]) == ("google", "google-ada")
    await erasure.erase(ctx)
    assert await site.env.resources.db.fetchval("select count(*) from oauth_accounts") == 0
    assert (await browser.log_in("google", "ada"))["id"] != answer["id"]


async def test_links_of_a_marketplace_are_unknown_in_another(site: Site, browser: Browser) -> None:
    await browser.log_in("google", "ada")
    elsewhere = site.ctx(market="elsewhere")
    begun = await login.begin(elsewhere, "google")
    back = await browser.choose(begun.url, "ada")
    callback = login.Callback(back.fields["state"], back.fields["code"])
    end = await login.finish(elsewhere, "google", callback, begun.secret)
    assert urlsplit(end).fragment == "oauth-error=OAUTH_NO_ACCOUNT"
