"""Where one is logged in, ending that, a new password, and who is kept from guessing one."""

import asyncio
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from core.accounts.identity import RESET
from core.accounts.one_time import tokens
from core.base.clock import now
from core.limits.budget import Rate
from marketplaces.onswift.policy import POLICY
from tests.flow.api.conftest import PASSWORD, Api
from tests.flow.conftest import Environment
from tests.flow.onswift.conftest import NOWHERE
from tests.policies import ChangePolicy

NEW_PASSWORD = "Other-donkey-8"


async def test_a_user_sees_where_she_is_logged_in(api: Api) -> None:
    ann = await api.signed_up()
    there = api.logged_in(
        await api.anyone.call(
            "POST", "/auth/login", json={"email": ann.email, "password": PASSWORD}, headers={"User-Agent": "Phone"}
        )
    )
    await api.signed_up()
    sessions = (await there.get("/auth/sessions")).body["sessions"]
    assert [(one["device"] == "Phone", one["current"], one["ip"]) for one in sessions] == [
        (True, True, "127.0.0.1"), (False, False, "127.0.0.1"),
    ]  # fmt: skip
    assert all(one["createdAt"] <= one["lastSeenAt"] for one in sessions)
    await api.anyone.post("/auth/refresh", refreshToken=ann.refresh_token)
    latest = (await there.get("/auth/sessions")).body["sessions"][0]
    assert (latest["current"], latest["lastSeenAt"] > latest["createdAt"]) == (False, True)


async def test_a_session_that_is_ended_is_over_with_its_sockets(api: Api, env: Environment, hub: str) -> None:
    ann = await env.chatter("Ann", hub)
    await ann.connect()
    caller = api.anyone
    caller.access_token = ann.token
    (own,) = (await caller.get("/auth/sessions")).body["sessions"]
    assert (await caller.delete(f"/auth/sessions/{own['id']}")).status == 204
    assert await ann.heard.next("session:ended")
    await ann.heard.next("disconnect")
    assert (await caller.get("/auth/sessions")).code == "SESSION_ENDED"


async def test_nobody_ends_another_ones_session(api: Api) -> None:
    ann, bob = await api.signed_up(), await api.signed_up()
    (own,) = (await ann.get("/auth/sessions")).body["sessions"]
    for id in (own["id"], NOWHERE):
        assert (await bob.delete(f"/auth/sessions/{id}")).code == "SESSION_NOT_FOUND"
    assert (await ann.get("/users/me")).status == 200


async def test_all_other_sessions_can_be_ended_at_once(api: Api) -> None:
    ann = await api.signed_up()
    others = [api.logged_in(await api.log_in(ann.email)) for _ in range(2)]
    assert (await ann.delete("/auth/sessions")).status == 204
    assert [(await one.get("/users/me")).status for one in (ann, *others)] == [200, 401, 401]
    assert (await api.anyone.post("/auth/refresh", refreshToken=others[0].refresh_token)).status == 401


async def test_a_new_password_ends_the_other_sessions_and_the_old_one_opens_none(api: Api) -> None:
    ann = await api.signed_up()
    other = api.logged_in(await api.log_in(ann.email))
    change = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    reply = await ann.post("/auth/change-password", **change)
    assert (reply.status, reply.body) == (200, {"message": "Password changed"})
    assert [(await one.get("/users/me")).status for one in (ann, other)] == [200, 401]
    assert [(await api.log_in(ann.email, password)).status for password in (PASSWORD, NEW_PASSWORD)] == [401, 200]


async def test_a_new_password_needs_the_old_one_and_the_rules_of_passwords(api: Api) -> None:
    ann = await api.signed_up()
    weak = await ann.post("/auth/change-password", currentPassword=PASSWORD, newPassword="weak")
    assert (weak.status, set(weak.fields)) == (400, {"newPassword"})
    reply = await ann.post("/auth/change-password", newPassword="weak")
    assert set(reply.fields) == {"currentPassword", "newPassword"}, "all that is wrong at once"
    reply = await api.anyone.post("/auth/reset-password", newPassword="weak")
    assert set(reply.fields) == {"token", "newPassword"}
    wrong = [
        await ann.post("/auth/change-password", currentPassword="Wrong-1-pass", newPassword=NEW_PASSWORD)
        for _ in range(6)
    ]
    assert [reply.status for reply in wrong] == [400] * 5 + [429]
    assert wrong[0].fields == ["currentPassword"]
    assert (await api.log_in(ann.email)).status == 200


async def test_of_two_new_passwords_at_once_one_is_set(api: Api) -> None:
    ann = await api.signed_up()
    passwords = [f"Other-donkey-{n}" for n in range(3)]
    replies = await asyncio.gather(
        *(ann.post("/auth/change-password", currentPassword=PASSWORD, newPassword=one) for one in passwords)
    )
    assert sorted(reply.status for reply in replies) == [200, 400, 400]
    (chosen,) = [one for one, reply in zip(passwords, replies, strict=True) if reply.status == 200]
    assert (await api.log_in(ann.email, chosen)).status == 200


async def test_invented_forwarded_addresses_do_not_escape_the_limit(api: Api) -> None:
    ann = await api.signed_up()
    body = {"email": ann.email, "password": "Wrong-1-pass"}
    statuses = [
        (await api.anyone.call("POST", "/auth/login", json=body, headers={"X-Forwarded-For": f"8.8.8.{n}"})).status
        for n in range(6)
    ]
    assert statuses == [401] * 5 + [429]


async def test_guessing_from_many_addresses_is_stopped_and_the_owner_still_gets_in_where_she_has_been(
    api: Api, change_policy: ChangePolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_policy(login=msgspec.structs.replace(POLICY.login, account=Rate("login-account", 7, 900)))
    ann = await api.signed_up()
    for email in (ann.email, "nobody@example.com"):
        statuses = []
        for n in range(8):
            monkeypatch.setattr("api.admission.client_address", lambda *_, n=n: f"8.8.8.{n}")
            statuses.append((await api.log_in(email, "Wrong-1-pass")).status)
        assert statuses == [401] * 7 + [429], "for an account that exists and for one that does not"
    assert (await api.log_in(ann.email)).status == 429, "right or wrong, from an unknown address"
    monkeypatch.setattr("api.admission.client_address", lambda *_: "127.0.0.1")
    assert (await api.log_in(ann.email)).status == 200


async def test_both_spellings_of_a_domain_are_one_account(api: Api) -> None:
    def body(email: str) -> dict[str, str]:
        return {"email": email, "password": PASSWORD, "name": "Ann", "userType": "creator"}

    reply = await api.anyone.post("/auth/signup", **body("Ann@B\u00fccher.example"))
    assert (reply.status, reply.body["user"]["email"]) == (201, "Ann@xn--bcher-kva.example")
    for email in ("ann@b\u00fccher.example", "ann@bu\u0308cher.example", "ann@XN--BCHER-KVA.example"):
        assert (await api.anyone.post("/auth/signup", **body(email))).code == "EMAIL_EXISTS"
        assert (await api.log_in(email)).status == 200


async def test_mails_to_one_mailbox_count_together_whatever_stands_behind_a_plus(api: Api) -> None:
    most = POLICY.password_reset.mailbox.count
    statuses = [
        (await api.anyone.post("/auth/forgot-password", email=f"ann+{n}@example.com")).status for n in range(most + 1)
    ]
    assert statuses == [200] * most + [429]


async def test_the_owner_of_an_account_that_strangers_guess_at_gets_in_anywhere_by_a_new_password(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await api.signed_up()
    for n in range(POLICY.login.account.count):
        monkeypatch.setattr("api.admission.client_address", lambda *_, n=n: f"8.8.8.{n}")
        assert (await api.log_in(ann.email, "Wrong-1-pass")).status == 401
    monkeypatch.setattr("api.admission.client_address", lambda *_: "9.9.9.9")
    assert (await api.log_in(ann.email)).status == 429
    await tokens.INSERT(env.resources.db, tokens.digest("code"), UUID(ann.id), RESET, now() + timedelta(hours=1))
    body = {"token": "code", "newPassword": NEW_PASSWORD}
    reply = await api.anyone.call("POST", "/auth/reset-password", json=body, headers={"X-Device-Token": "new"})
    assert reply.status == 200
    headers = {"X-Device-Token": reply.headers["X-Device-Token"]}
    login = {"email": ann.email, "password": NEW_PASSWORD}
    assert (await api.anyone.call("POST", "/auth/login", json=login, headers=headers)).status == 200
    monkeypatch.setattr("api.admission.client_address", lambda *_: "7.7.7.7")
    assert (await api.log_in(ann.email, NEW_PASSWORD)).status == 429, "elsewhere as before"
