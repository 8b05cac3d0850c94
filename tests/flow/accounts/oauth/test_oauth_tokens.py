"""Tokens of providers: every claim is checked, keys change, and a provider that is away or misbehaves costs little."""

import asyncio
import base64
import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
import pytest
from aiohttp import ClientTimeout, web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from cli.login_provider.people import PEOPLE
from core.accounts.oauth import flows, links, login
from core.accounts.oauth.providers import DISCOVERY
from core.base import clock, errors
from core.base.errors import AppError
from core.limits.budget import Window
from core.platform import outgoing
from core.platform.db import Connection
from tests.flow.accounts.oauth.site import Browser, Site
from tests.flow.conftest import PATIENCE, at_bazaar

pytestmark = at_bazaar
ADA = PEOPLE["ada"]
INVALID, AWAY = "OAUTH_TOKEN_INVALID", "PROVIDER_UNAVAILABLE"


class After(float):
    """So many seconds after now, whenever that is."""


WRONG: dict[str, dict[str, object]] = {
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "another-app"},
    "no audience": {"aud": None},
    "many audiences and no presenter": {"aud": ["local-app", "another-app"], "azp": None},
    "audiences that are all others": {"aud": ["another-app", "a-third"]},
    "another presenter": {"azp": "another-app"},
    "expired": {"exp": After(-120)},
    "no expiry": {"exp": None},
    "an expiry that is a text": {"exp": "9999999999"},
    "an expiry that is true": {"exp": True},
    "issued in the future": {"iat": After(600)},
    "issued before it was asked for": {"iat": After(-3600)},
    "not said when issued": {"iat": None},
    "not valid yet": {"nbf": After(600)},
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "nobody": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject that is a number": {"sub": 7},
    "a subject that cannot be stored": {"sub": "a\0b"},
    "a subject that is too long": {"sub": "a" * 256},
}


async def log_in(site: Site, token: str, nonce: str, provider: str = "google") -> str:
    """Log in by a token of an app, and return the error's code, or "" if there is none."""
    try:
        await login.log_in_by_token(site.ctx(), provider, token, nonce, role="buyer", given_name="Ada")
    except AppError as error:
        return error.kind.code
    return ""


async def by_app(site: Site, provider: str = "google") -> str:
    """Log in as an app does."""
    nonce = login.new_nonce(site.ctx())
    return await log_in(site, site.provider.id_token(provider, ADA, nonce), nonce, provider)


async def test_what_a_marketplace_keeps_of_a_new_user_is_stored_with_her_or_she_is_not(site: Site) -> None:
    seen: list[str] = []

    async def joined(_db: Connection, _user_id: UUID, role: str) -> None:
        seen.append(role)
        if len(seen) == 1:
            raise errors.EMAIL_EXISTS.error()

    async def log_in() -> None:
        ctx = site.ctx()
        ctx = replace(ctx, policy=msgspec.structs.replace(ctx.policy, joined=joined))
        nonce = login.new_nonce(ctx)
        token = site.provider.id_token("google", ADA, nonce)
        await login.log_in_by_token(ctx, "google", token, nonce, role="seller")

    with pytest.raises(AppError):
        await log_in()
    assert await site.env.resources.db.fetchval("select count(*) from users") == 0
    for _ in range(2):
        await log_in()
    assert seen == ["seller"] * 2


@pytest.mark.parametrize("provider", ["google", "apple", "facebook"])
async def test_an_app_logs_in_by_an_id_token(site: Site, provider: str) -> None:
    nonce = login.new_nonce(site.ctx())
    client_id = "local-web" if provider == "facebook" else "local-app"
    token = site.provider.id_token(provider, ADA, nonce, client_id)
    account, tokens = await login.log_in_by_token(
        site.ctx(), provider, token, nonce, role="buyer", given_name="Ada Example"
    )
    assert account.name == "Ada Example"
    assert tokens.access_token


def say(site: Site, claims: dict[str, object]) -> None:
    """Have the provider say this in tokens."""
    now = time.time()
    said = {name: now + value if isinstance(value, After) else value for name, value in claims.items()}
    site.provider.grants.claims = said


@pytest.mark.parametrize("provider", ["google", "apple"])
async def test_a_token_with_a_wrong_claim_logs_nobody_in(site: Site, provider: str) -> None:
    site.rules = replace(site.rules, failures=Window("oauth", 100, 900))
    assert await by_app(site, provider) == ""
    for wrong, claims in WRONG.items():
        say(site, claims)
        assert (wrong, await by_app(site, provider)) == (wrong, INVALID)
    say(site, {})
    assert await by_app(site, provider) == ""


@pytest.mark.parametrize("wrong", ["another issuer", "another audience", "expired", "another nonce"])
async def test_the_token_for_a_code_is_checked_as_well(site: Site, browser: Browser, wrong: str) -> None:
    say(site, WRONG[wrong])
    assert await browser.end("google", "ada") == {"oauth-error": INVALID, "path": "/"}


RIGHT: tuple[dict[str, object], ...] = (
    {"aud": ["local-app", "another-app"], "azp": "local-app"},
    {"aud": "local-web", "azp": "local-app"},
    {"azp": None},
    {"exp": After(-10)},
    {"iat": After(10)},
    {"iat": After(0.5)},
)


async def test_what_the_standard_allows_is_taken(site: Site) -> None:
    for claims in RIGHT:
        say(site, claims)
        assert (claims, await by_app(site)) == (claims, "")


HEADERS: dict[str, dict[str, object]] = {
    "a critical extension": {"crit": ["b64"], "b64": True},
    "a key that is unknown": {"kid": "unknown"},
    "no key": {"kid": None},
}


def signed(header: dict[str, Any], payload: bytes, key: RSAKey | None = None) -> str:
    """Return a token as it is put together by hand, signed whatever its header says."""
    text = ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (msgspec.json.encode(header), payload)
    )
    private = key.private_key if key else None
    signature = private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()) if private else b""
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def parts_of(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a token."""
    header, payload, _ = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
    return msgspec.json.decode(header), msgspec.json.decode(payload)


async def test_a_token_with_a_wrong_header_logs_nobody_in(site: Site) -> None:
    nonce = login.new_nonce(site.ctx())
    token = site.provider.id_token("google", ADA, nonce)
    header, claims = parts_of(token)
    key = site.provider.grants._keys[0]
    for wrong, fields in HEADERS.items():
        changed = {name: value for name, value in (header | fields).items() if value is not None}
        forged = signed(changed, msgspec.json.encode(claims), key)
        assert (wrong, await log_in(site, forged, nonce)) == (wrong, INVALID)
    assert await log_in(site, signed(header, msgspec.json.encode(claims), key), nonce) == ""


async def test_the_algorithm_is_ours_to_say_and_never_the_token_s(site: Site) -> None:
    nonce = login.new_nonce(site.ctx())
    key = site.provider.grants._keys[0]
    token = site.provider.id_token("google", ADA, nonce)
    _, claims = parts_of(token)
    public = OctKey.import_key(base64.b64encode(key.as_der(private=False)))
    by_public_key = jwt.encode({"alg": "HS256", "kid": key.kid}, claims, public, algorithms=["HS256"])
    unsigned = [signed({"alg": alg, "kid": key.kid}, msgspec.json.encode(claims)) for alg in ("none", "RS256")]
    another = signed({"alg": "PS256", "kid": key.kid}, msgspec.json.encode(claims), key)
    for forged in (by_public_key, *unsigned, another):
        assert await log_in(site, forged, nonce) == INVALID


async def test_what_is_no_token_is_refused(site: Site) -> None:
    for garbage in (
        "",
        "a",
        "..",
        "a.b.c",
        "ü.ü.ü",
        "e30.e30.e30",
        "W10.W10.W10",
        "eyJhbGciOiJSUzI1NiJ9..",
        "a" * 9000,
    ):
        assert (garbage, await log_in(site, garbage, login.new_nonce(site.ctx()))) == (garbage, INVALID)


async def test_a_changed_token_and_one_of_another_key_are_refused(site: Site) -> None:
    nonce = login.new_nonce(site.ctx())
    token = site.provider.id_token("google", ADA, nonce)
    header, _, signature = token.split(".")
    _, claims = parts_of(token)
    changed = base64.urlsafe_b64encode(msgspec.json.encode(claims | {"sub": "other"})).rstrip(b"=").decode()
    assert await log_in(site, f"{header}.{changed}.{signature}", nonce) == INVALID
    other = RSAKey.generate_key(2048, {"kid": str(site.provider.grants._keys[0].kid)})
    forged = jwt.encode({"alg": "RS256", "kid": other.kid}, claims, other, algorithms=["RS256"])
    assert await log_in(site, forged, nonce) == INVALID
    assert await log_in(site, token, nonce) == ""


async def test_a_nonce_is_ours_good_once_and_for_a_while(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    own = "made-up"
    assert await log_in(site, site.provider.id_token("google", ADA, own), own) == "OAUTH_STATE_INVALID"
    nonce = login.new_nonce(site.ctx())
    forged = f"{'0' * 32}.{nonce.partition('.')[2]}"
    assert await log_in(site, site.provider.id_token("google", ADA, forged), forged) == "OAUTH_STATE_INVALID"
    token = site.provider.id_token("google", ADA, nonce)
    outcomes = await asyncio.gather(*(log_in(site, token, nonce) for _ in range(4)))
    assert sorted(outcomes) == ["", *["OAUTH_STATE_INVALID"] * 3]
    late = login.new_nonce(site.ctx())
    token = site.provider.id_token("google", ADA, late)
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + flows.LIFETIME)
    assert await log_in(site, token, late) == "OAUTH_STATE_INVALID"


async def test_an_app_may_give_its_sdk_the_hash_of_the_nonce(site: Site) -> None:
    nonce = login.new_nonce(site.ctx())
    token = site.provider.id_token("apple", ADA, hashlib.sha256(nonce.encode()).hexdigest())
    assert await log_in(site, token, nonce, "apple") == ""


async def test_a_new_key_of_the_provider_is_fetched_when_a_token_names_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await by_app(site) == ""
    site.provider.grants.rotate()
    assert await by_app(site) == INVALID  # keys were read a moment ago
    monkeypatch.setattr(outgoing, "AGAIN", 0.0)
    assert await by_app(site) == ""


async def test_tokens_that_name_unknown_keys_do_not_have_the_keys_fetched_each_time(site: Site) -> None:
    assert await by_app(site) == ""
    site.provider.grants.rotate()
    assert await asyncio.gather(*(by_app(site) for _ in range(10))) == [INVALID] * 10
    assert site.provider.calls.count("/google/keys") == 1


async def test_many_logins_at_once_read_each_document_once(site: Site) -> None:
    assert await asyncio.gather(*(by_app(site) for _ in range(10))) == [""] * 10
    assert [site.provider.calls.count(f"/google{path}") for path in (DISCOVERY, "/keys")] == [1, 1]


async def test_a_client_that_hangs_up_does_not_keep_others_from_the_provider(site: Site) -> None:
    site.provider.answering.clear()
    impatient = asyncio.create_task(by_app(site))
    async with asyncio.timeout(PATIENCE):
        await site.provider.asked.wait()
    impatient.cancel()
    site.provider.answering.set()
    assert await by_app(site) == ""


async def test_a_login_that_another_one_overtakes_finds_what_that_has_stored(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, looks = links.USER_OF, 0

    async def overtaken(db: Connection, *asked: object) -> UUID | None:
        nonlocal looks
        looks += 1
        if looks == 1:
            assert await by_app(site) == ""
            return None
        return await look(db, *asked)

    monkeypatch.setattr(links, "USER_OF", overtaken)
    assert await by_app(site) == ""
    assert await site.env.resources.db.fetchval("select count(*) from users") == 1


async def test_the_keys_that_we_have_serve_while_the_provider_is_away(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await by_app(site) == ""
    down = {f"/google{path}": lambda: web.Response(status=503) for path in (DISCOVERY, "/keys")}
    monkeypatch.setattr(site.provider, "answers", down)
    monkeypatch.setattr(outgoing, "LEAST_FRESH", 0.0)
    moment = time.monotonic() + 2 * 3600
    monkeypatch.setattr(outgoing, "monotonic", lambda: moment)
    assert await by_app(site) == ""
    assert site.provider.calls.count("/google/keys") == 2
    later = moment + outgoing.MOST_STALE
    monkeypatch.setattr(outgoing, "monotonic", lambda: later)
    assert await by_app(site) == AWAY


NONSENSE: dict[str, Callable[[Site], web.Response]] = {
    "error": lambda _: web.Response(status=500),
    "redirect": lambda site: web.Response(status=302, headers={"Location": f"{site.provider.url}/google/keys"}),
    "page": lambda _: web.Response(text="<html>"),
    "deep": lambda _: web.Response(text="[" * 900),
    "empty": lambda _: web.Response(body=b"{}"),
    "large": lambda _: web.Response(text=" " * 2000 + "{}"),
    "packed": lambda _: web.Response(body=b"{}", headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("path", [DISCOVERY, "/token", "/keys"])
async def test_a_provider_that_answers_nonsense_is_unavailable(
    site: Site, browser: Browser, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    for what, answer in NONSENSE.items():
        back = await browser.choose(await browser.begin("google"), "ada")
        site.env.resources.outgoing._documents.clear()
        site.provider.answers[f"/google{path}"] = partial(answer, site)
        # An ID token has more than a thousand letters.
        monkeypatch.setattr(outgoing, "MOST_BYTES", 1000 if what == "large" else 10_000)
        assert (what, await browser.come_back(back)) == (what, {"oauth-error": AWAY, "path": "/"})
        site.provider.answers.clear()
        monkeypatch.setattr(outgoing, "MOST_BYTES", 10_000)
        site.env.resources.outgoing._documents.clear()


async def test_a_provider_that_is_late_is_unavailable_and_its_logins_do_not_count_as_failures(
    site: Site, browser: Browser
) -> None:
    back = await browser.choose(await browser.begin("google"), "ada")
    site.provider.answering.clear()
    site.env.resources.outgoing._http._timeout = ClientTimeout(total=0.2)
    assert await browser.come_back(back) == {"oauth-error": AWAY, "path": "/"}
    site.provider.answering.set()
    remaining = await site.env.resources.redis.keys("*oauth*")
    assert all(b"oauth-begin" in key for key in remaining)


@pytest.mark.parametrize("field", ["authorization_endpoint", "token_endpoint", "jwks_uri", "issuer"])
async def test_discovery_leads_to_no_other_host(site: Site, field: str) -> None:
    url = f"{site.provider.url}/google"
    document = {
        "issuer": url,
        "authorization_endpoint": f"{url}/authorize",
        "token_endpoint": f"{url}/token",
        "jwks_uri": f"{url}/keys",
        field: "http://127.0.0.1:1/elsewhere",
    }
    site.provider.answers[f"/google{DISCOVERY}"] = lambda: web.Response(body=msgspec.json.encode(document))
    with pytest.raises(AppError) as refused:
        await login.begin(site.ctx(), "google")
    assert refused.value.kind.code == AWAY


async def test_a_secret_that_the_provider_does_not_know_is_for_operators_to_see(
    site: Site, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    site.provider.answers["/google/token"] = lambda: web.Response(status=401, body=b'{"error": "invalid_client"}')
    assert await browser.end("google", "ada") == {"oauth-error": "OAUTH_DENIED", "path": "/"}
    assert "invalid_client" in caplog.text
    caplog.clear()


async def facebook_token(browser: Browser, site: Site) -> tuple[str, str]:
    """Return an access token as the SDK of an app has it, and a nonce."""
    await browser.log_in("facebook", "ada")
    return next(iter(site.provider.grants._tokens)), login.new_nonce(site.ctx())


async def test_an_app_logs_in_by_an_access_token_of_facebook(site: Site, browser: Browser) -> None:
    token, nonce = await facebook_token(browser, site)
    assert await log_in(site, token, nonce, "facebook") == ""
    assert await site.env.resources.db.fetchval("select count(*) from users") == 1


async def test_an_access_token_of_another_app_or_user_logs_nobody_in(site: Site, browser: Browser) -> None:
    token, nonce = await facebook_token(browser, site)
    wrong: tuple[dict[str, object], ...] = (
        {"app_id": "another"},
        {"is_valid": False},
        {"user_id": "somebody"},
        {"user_id": ""},
        {"type": "PAGE"},
    )
    for facts in wrong:
        site.provider.grants.claims = facts
        assert (facts, await log_in(site, token, nonce, "facebook")) == (facts, INVALID)
    site.provider.grants.claims = {}
    assert await log_in(site, token, nonce, "facebook") == ""


async def test_an_access_token_that_facebook_does_not_know_logs_nobody_in(site: Site) -> None:
    assert await log_in(site, "unknown", login.new_nonce(site.ctx()), "facebook") == INVALID
