"""Mails that tell a user what was done to her account, and what the audit log keeps of it."""

from email.message import EmailMessage
from uuid import UUID

import pytest

from core.accounts import alerts
from core.accounts.alerts import described
from core.limits.budget import Rate
from tests.flow.api.conftest import PASSWORD, Api, Reply, audited
from tests.flow.conftest import Environment
from tests.flow.workers.conftest import Mailbox
from tests.flow.workers.test_password_reset import forgot, reset, token_in
from workers.app import Worker, open_worker

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NEW_PASSWORD = "Other-donkey-8"


async def log_in(api: Api, email: str, agent: str = FIREFOX, device: str = "new") -> Reply:
    body = {"email": email, "password": PASSWORD}
    headers = {"User-Agent": agent, "X-Device-Token": device}
    return await api.anyone.call("POST", "/auth/login", json=body, headers=headers)


def said(mail: EmailMessage) -> tuple[str, str]:
    return str(mail["To"]), str(mail["Subject"])


async def test_a_login_from_a_new_device_is_mailed_with_when_and_where_from(
    api: Api, mailbox: Mailbox, worker: Worker
) -> None:
    ann = await api.signed_up()
    assert (await log_in(api, ann.email)).status == 200
    mail = await mailbox.next()
    assert said(mail) == (ann.email, "New login at OnSwift")
    assert "Where: Firefox on Linux, network 127.0.0.0/24" in mail.get_content()
    assert "UTC" in mail.get_content()
    assert "Forgot password" in mail.get_content()


async def test_neither_a_signup_nor_a_known_device_nor_the_usual_browser_is_mailed(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    token = (await log_in(api, ann.email)).headers["X-Device-Token"]
    queued = await env.resources.jobs.waiting()
    assert queued == 2, "the greeting, and the first login with Firefox"
    await log_in(api, ann.email, agent="Firefox, renewed", device=token)
    await log_in(api, ann.email, device="new")
    assert await env.resources.jobs.waiting() == queued


async def test_a_new_password_is_mailed_however_it_was_set(api: Api, mailbox: Mailbox, worker: Worker) -> None:
    ann = await api.signed_up()
    change = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    assert (await ann.post("/auth/change-password", **change)).status == 200
    mail = await mailbox.next()
    assert said(mail) == (ann.email, "Your password at OnSwift was changed")
    await forgot(api, ann.email)
    assert (await reset(api, token_in(await mailbox.next()))).status == 200
    mail = await mailbox.next()
    assert said(mail) == (ann.email, "Your password at OnSwift was changed")
    assert "with a code that was mailed to you" in mail.get_content()


async def test_logins_do_not_flood_a_mailbox_nor_use_up_the_mail_of_a_new_password(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "LOGINS", Rate("alert-login", 2, 3600))
    ann = await api.signed_up()
    before = await env.resources.jobs.waiting()
    for n in range(4):
        assert (await log_in(api, ann.email, agent=f"Robot {n}")).status == 200
    assert await env.resources.jobs.waiting() - before == 2
    await ann.post("/auth/change-password", currentPassword=PASSWORD, newPassword=NEW_PASSWORD)
    assert await env.resources.jobs.waiting() - before == 3


async def test_a_deleted_account_is_notified_of_nothing(api: Api, mailbox: Mailbox, env: Environment) -> None:
    ann = await api.signed_up()
    await log_in(api, ann.email)
    await ann.delete("/users/me")
    bob = await api.signed_up()
    await log_in(api, bob.email)
    async with open_worker(env.settings, env.resources, env.publisher):
        assert said(await mailbox.next()) == (bob.email, "New login at OnSwift")
    assert mailbox.mails.empty()


async def test_logins_and_passwords_are_in_the_audit_log_and_failures_are_not(
    api: Api, mailbox: Mailbox, worker: Worker, env: Environment
) -> None:
    ann = await api.signed_up()
    verification = await mailbox.next_welcome()
    await api.log_in(ann.email, "Wrong-horse-7")
    ann = api.logged_in(await api.log_in(ann.email))
    change = {"currentPassword": PASSWORD, "newPassword": PASSWORD}
    assert (await ann.post("/auth/change-password", **change)).status == 200
    await mailbox.next()
    await forgot(api, ann.email)
    await reset(api, token_in(await mailbox.next()))
    (link,) = [line for line in verification.get_content().splitlines() if line.startswith("http")]
    assert (await api.anyone.post("/auth/verify-email", token=link.partition("/#verify=")[2])).status == 200
    id = UUID(ann.id)
    assert [row for row in await audited(env) if row[0].startswith("user.")] == [
        ("user.login", id, {"new_device": False}),
        ("user.change_password", id, {}),
        ("user.reset_password", id, {}),
        ("user.verify_email", id, {}),
    ]
    actors = await env.resources.db.fetch("select distinct actor_id, remote from audit_log")
    assert [tuple(row) for row in actors] == [(id, "127.0.0.1")]


def test_a_device_is_described_in_our_own_words() -> None:
    assert described(FIREFOX) == "Firefox on Linux"
    assert described("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1") == "Safari on iPhone"
    assert described("call 555-0100 at https://example.com") == "an app or another browser"
