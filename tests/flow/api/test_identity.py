"""Signing up, logging in, refreshing and logging out, as OnSwift's document and the rules of sessions have it."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from core.base import clock
from core.base.errors import UNAVAILABLE
from core.limits.budget import Rate
from core.limits.shared_limits import key_of
from core.platform.db import Scalar
from marketplaces.onswift.policy import POLICY
from tests.flow.api.conftest import PASSWORD, Api
from tests.flow.conftest import Environment
from tests.policies import ChangePolicy

BAD_SIGNUPS = (
    ("email", "not-an-address"),
    ("email", "two@@example.com"),
    ("email", "ann@example"),
    ("email", ".ann@example.com"),
    ("email", "ann@-example.com"),
    ("email", "a" * 65 + "@example.com"),
    ("email", "ann@" + "a.b" * 90 + ".com"),
    ("email", "ann\0@example.com"),
    ("password", "Sh0rt!"),
    ("password", "no-uppercase-1"),
    ("password", "NO-LOWERCASE-1"),
    ("password", "No-number-here"),
    ("password", "NoSpecial1"),
    ("password", "Aa1-" + "x" * 125),
    ("name", "   "),
    ("name", "x" * 256),
    ("name", "An\0n"),
    ("userType", "admin"),
    ("companyName", "Ac\0me"),
)


def later(monkeypatch: pytest.MonkeyPatch, delay: timedelta) -> None:
    """Move the clock."""
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + delay)


async def test_a_signup_logs_in(api: Api) -> None:
    reply = await api.anyone.post(
        "/auth/signup", email="ann@example.com", password=PASSWORD, name="  Ann ", userType="creator"
    )
    assert reply.status == 201
    user = reply.body["user"]
    assert user == {"id": user["id"], "email": "ann@example.com", "name": "Ann", "userType": "creator"}
    me = await api.logged_in(reply).get("/users/me")
    assert (me.status, me.body["id"], me.body["email"]) == (200, user["id"], "ann@example.com")


async def test_a_creator_may_name_a_company_and_a_talent_may_not(api: Api) -> None:
    body = {"password": PASSWORD, "name": "Ann", "companyName": "Acme"}
    creator = await api.anyone.post("/auth/signup", email="c@example.com", userType="creator", **body)
    assert (await api.logged_in(creator).get("/users/me")).body["companyName"] == "Acme"
    talent = await api.anyone.post("/auth/signup", email="t@example.com", userType="talent", **body)
    assert (talent.status, talent.fields) == (400, ["companyName"])


async def test_an_address_signs_up_once_whatever_its_case(api: Api) -> None:
    ann = await api.signed_up()
    again = await api.anyone.post(
        "/auth/signup", email=ann.email.upper(), password=PASSWORD, name="Ann", userType="talent"
    )
    assert (again.status, again.code, again.fields) == (409, "EMAIL_EXISTS", ["email"])


async def test_of_two_signups_at_once_with_one_address_one_wins(api: Api) -> None:
    body = {"email": "ann@example.com", "password": PASSWORD, "name": "Ann", "userType": "creator"}
    replies = await asyncio.gather(*(api.anyone.post("/auth/signup", **body) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [201, 409, 409, 409]


async def test_an_invalid_signup_gets_an_error_for_each_wrong_field(api: Api) -> None:
    good = {"email": "ann@example.com", "password": PASSWORD, "name": "Ann", "userType": "creator"}
    for field, value in BAD_SIGNUPS:
        reply = await api.anyone.post("/auth/signup", **(good | {field: value}))
        assert (reply.status, reply.code, reply.fields) == (400, "VALIDATION_ERROR", [field]), value
    assert (await api.log_in("ann@example.com")).status == 401, "nobody was signed up"


async def test_all_problems_of_a_signup_are_reported_together(api: Api) -> None:
    reply = await api.anyone.post("/auth/signup", email="x", password="short", name="", userType="creator")
    assert set(reply.fields) == {"email", "password", "name"}


async def test_a_login_opens_a_session_of_its_own(api: Api) -> None:
    ann = await api.signed_up()
    reply = await api.log_in(ann.email.upper())
    assert reply.status == 200
    again = api.logged_in(reply)
    assert (again.id, reply.body["user"]["email"]) == (ann.id, ann.email)
    assert (await again.post("/auth/logout")).status == 204
    assert (await ann.get("/users/me")).status == 200


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(api: Api) -> None:
    ann = await api.signed_up()
    wrong = await api.log_in(ann.email, "Wrong-horse-7")
    unknown = await api.log_in("nobody@example.com")
    impossible = await api.log_in("no\0body")
    assert wrong.status == unknown.status == impossible.status == 401
    assert wrong.body == unknown.body == impossible.body
    assert wrong.code == "INVALID_CREDENTIALS"


async def test_five_failed_logins_lock_their_address_out_and_nobody_else(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    failed = [await api.log_in(ann.email, "Wrong-horse-7") for _ in range(5)]
    locked_out = await api.log_in(ann.email)
    assert [reply.status for reply in failed] == [401] * 5
    assert (locked_out.status, locked_out.code) == (429, "RATE_LIMITED")
    assert 1 <= int(locked_out.headers["Retry-After"]) <= 15 * 60
    assert (await ann.get("/users/me")).status == 200
    key = key_of("onswift", POLICY.login.address, "127.0.0.1")
    await env.resources.redis.delete(key)
    env.resources.limits._refusals.of(key, 0.0).forget()  # as it is after some seconds
    assert (await api.log_in(ann.email)).status == 200


async def test_what_is_no_address_gets_the_same_answer_counts_for_its_client_and_names_no_bucket(
    api: Api, env: Environment
) -> None:
    ann, accounts = await api.signed_up(), "limit:onswift:login-account:*"
    replies = [await api.log_in("nobody@example.com")]
    assert len(await env.resources.redis.keys(accounts)) == 1, "that of an address"
    others = ("\u0130nfo@example.com", f"\u00ea{ann.email}", "x" * 1000, f"{ann.email}\0")
    replies += [await api.log_in(email) for email in others]
    assert [(reply.status, reply.body) for reply in replies] == [(401, replies[0].body)] * 5
    assert (await api.log_in("x" * 1000)).status == 429
    assert (await api.log_in("x" * 250_000)).status == 400
    assert len(await env.resources.redis.keys(accounts)) == 1


async def test_no_spelling_of_an_address_escapes_the_limit_of_its_account(
    api: Api, change_policy: ChangePolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_policy(login=msgspec.structs.replace(POLICY.login, account=Rate("login-account", 3, 900)))
    body = {"email": "info@example.com", "password": PASSWORD, "name": "Ann", "userType": "creator"}
    assert (await api.anyone.post("/auth/signup", **body)).status == 201
    statuses = []
    for n, email in enumerate(("info@example.com", "INFO@example.com", " info@EXAMPLE.com ", "InFo@example.com")):
        monkeypatch.setattr("api.admission.client_address", lambda *_, n=n: f"8.8.8.{n}")
        statuses.append((await api.log_in(email, "Wrong-horse-7")).status)
    assert statuses == [401] * 3 + [429]
    monkeypatch.setattr("api.admission.client_address", lambda *_: "8.8.8.99")
    assert (await api.log_in("\u0130nfo@example.com")).status == 401, "which some lower() make the same"


async def test_an_attempt_that_could_not_be_made_does_not_count(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await api.signed_up()

    async def full(*_: object) -> bool:
        raise UNAVAILABLE.error()

    with monkeypatch.context() as patch:
        patch.setattr(env.resources.passwords, "verify_login", full)
        replies = [await api.log_in(ann.email) for _ in range(8)]
    assert {(reply.status, reply.headers["Retry-After"]) for reply in replies} == {(503, "1")}
    assert (await api.log_in(ann.email)).status == 200


async def test_a_signup_is_hashed_only_if_its_address_is_free_and_its_client_has_not_signed_up_too_many(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch, change_policy: ChangePolicy
) -> None:
    change_policy(sign_ups=Rate("sign-up", 3, 3600))
    ann, hashed = await api.signed_up(), []

    async def hash(password: str, _subject: str) -> str:
        hashed.append(password)
        return "hash"

    monkeypatch.setattr(env.resources.passwords, "hash", hash)
    body = {"password": PASSWORD, "name": "Ann", "userType": "creator"}
    emails = (ann.email.upper(), "free@example.com", "too-many@example.com")
    replies = [await api.anyone.post("/auth/signup", email=email, **body) for email in emails]
    assert [reply.status for reply in replies] == [409, 201, 429]
    assert len(hashed) == 1


async def test_logins_that_succeed_do_not_count(api: Api) -> None:
    ann = await api.signed_up()
    assert [(await api.log_in(ann.email)).status for _ in range(8)] == [200] * 8


async def test_failed_logins_at_once_do_not_slip_through(api: Api) -> None:
    replies = await asyncio.gather(*(api.log_in("nobody@example.com") for _ in range(12)))
    assert sorted(reply.status for reply in replies) == [401] * 5 + [429] * 7


async def test_a_deleted_user_is_out(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    await env.resources.db.execute("update users set deleted_at = now()")
    assert (await api.log_in(ann.email)).status == 401
    assert (await ann.get("/users/me")).code == "SESSION_ENDED"
    assert (await ann.post("/auth/refresh", refreshToken=ann.refresh_token)).status == 401


async def test_a_refresh_replaces_both_tokens(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = await api.signed_up()
    later(monkeypatch, timedelta(seconds=5))
    reply = await api.anyone.post("/auth/refresh", refreshToken=ann.refresh_token)
    assert reply.status == 200
    assert set(reply.body) == {"accessToken", "refreshToken"}
    assert reply.body["refreshToken"] != ann.refresh_token
    ann.access_token = reply.body["accessToken"]
    assert (await ann.get("/users/me")).status == 200


async def test_two_refreshes_at_once_get_the_same_successor(api: Api) -> None:
    ann = await api.signed_up()
    replies = await asyncio.gather(
        *(api.anyone.post("/auth/refresh", refreshToken=ann.refresh_token) for _ in range(6))
    )
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body["refreshToken"] for reply in replies}) == 1


async def test_a_refresh_whose_answer_was_lost_gets_it_again_within_the_grace(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await api.signed_up()
    first = await api.anyone.post("/auth/refresh", refreshToken=ann.refresh_token)
    later(monkeypatch, timedelta(seconds=9))
    again = await api.anyone.post("/auth/refresh", refreshToken=ann.refresh_token)
    assert again.body["refreshToken"] == first.body["refreshToken"]


async def test_a_reused_refresh_token_ends_the_family(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = await api.signed_up()
    other = api.logged_in(await api.log_in(ann.email))
    successor = (await api.anyone.post("/auth/refresh", refreshToken=ann.refresh_token)).body
    later(monkeypatch, timedelta(seconds=11))
    reuse = await api.anyone.post("/auth/refresh", refreshToken=ann.refresh_token)
    assert (reuse.status, reuse.code) == (401, "INVALID_REFRESH_TOKEN")
    owner = await api.anyone.post("/auth/refresh", refreshToken=successor["refreshToken"])
    assert owner.status == 401, "whoever holds the successor is out, too"
    assert (await ann.get("/users/me")).code == "SESSION_ENDED"
    assert (await other.get("/users/me")).status == 200, "another login is not touched"


async def test_a_token_is_refused_unless_it_is_a_live_one_of_its_kind(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await api.signed_up()
    for bad in ("", "x", "a.b.c", ann.access_token, ann.refresh_token[:-3] + "abc", "\u00e9"):
        reply = await api.anyone.post("/auth/refresh", refreshToken=bad)
        assert (reply.status, reply.code) == (401, "INVALID_REFRESH_TOKEN"), bad
    for bad in ("x", "a.b.c", ann.refresh_token, ann.access_token[:-3] + "abc"):
        reply = await api.anyone.call("GET", "/users/me", headers={"Authorization": f"Bearer {bad}"})
        assert (reply.status, reply.code, reply.headers["WWW-Authenticate"]) == (401, "UNAUTHORIZED", "Bearer"), bad
    later(monkeypatch, timedelta(minutes=-16))
    old = api.logged_in(await api.log_in(ann.email))
    monkeypatch.undo()
    assert (await old.get("/users/me")).code == "TOKEN_EXPIRED"


async def test_a_call_without_a_token_is_refused(api: Api) -> None:
    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": "Basic YTpi"}):
        reply = await api.anyone.call("GET", "/users/me", headers=headers)
        assert (reply.status, reply.code) == (401, "UNAUTHORIZED")


async def test_a_logout_ends_the_session_at_once(api: Api) -> None:
    ann = await api.signed_up()
    reply = await ann.post("/auth/logout")
    assert (reply.status, reply.body) == (204, None)
    assert (await ann.get("/users/me")).code == "SESSION_ENDED"
    assert (await api.anyone.post("/auth/refresh", refreshToken=ann.refresh_token)).status == 401


async def test_a_logout_without_a_body_is_one_too(api: Api) -> None:
    ann = await api.signed_up()
    assert (await ann.call("POST", "/auth/logout")).status == 204
    assert (await ann.get("/users/me")).status == 401


async def test_a_logout_may_name_another_login_of_ones_own_and_no_one_elses(api: Api) -> None:
    ann, bob = await api.signed_up(), await api.signed_up()
    phone = api.logged_in(await api.log_in(ann.email))
    assert (await ann.post("/auth/logout", refreshToken=bob.refresh_token)).code == "INVALID_REFRESH_TOKEN"
    assert (await bob.get("/users/me")).status == 200
    assert (await ann.post("/auth/logout", refreshToken=phone.refresh_token)).status == 204
    assert (await phone.get("/users/me")).status == 401
    assert (await ann.get("/users/me")).status == 200


async def test_a_login_whose_password_is_reset_meanwhile_opens_no_session(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await api.signed_up()

    async def slow_verify(*_: object) -> bool:
        await env.resources.db.execute("update users set password_hash = 'new'")
        return True

    monkeypatch.setattr(env.resources.passwords, "verify_login", slow_verify)
    assert (await api.log_in(ann.email)).code == "INVALID_CREDENTIALS"
    count = Scalar(int, "select count(*) from sessions")
    assert await count(env.resources.db) == 1


async def test_passwords_are_stored_as_argon2id_only(api: Api, env: Environment) -> None:
    await api.signed_up()
    stored = await env.resources.db.fetchval("select password_hash from users")
    assert stored.startswith("$argon2id$")


async def test_the_ends_of_sessions_are_published(api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[object] = []
    monkeypatch.setattr(env.publisher, "end_sessions", ended.extend)
    ann = await api.signed_up()
    claims = env.resources.keys.access(ann.access_token)
    await ann.post("/auth/logout")
    assert ended == [claims.session_id]
