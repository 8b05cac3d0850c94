"""Verified addresses: a code is mailed to who signs up, and comes back."""

from datetime import timedelta
from email.message import EmailMessage

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from core.base import clock
from core.limits.budget import Rate
from core.work import outbox
from core.work.jobs import Jobs
from core.work.policy import MailRates
from marketplaces.onswift.policy import POLICY
from tests.flow.api.conftest import PASSWORD, Api, Caller
from tests.flow.conftest import Environment
from tests.flow.workers.conftest import Mailbox
from tests.policies import ChangePolicy
from workers.app import Worker


def token_in(mail: EmailMessage) -> str:
    """Return the code of a mail: it is in the link, and on a line of its own."""
    lines = mail.get_content().splitlines()
    (link,) = [line for line in lines if line.startswith("http")]
    token: str = link.partition("/#verify=")[2]
    assert token in lines
    return token


async def is_verified(caller: Caller) -> bool:
    verified: bool = (await caller.get("/users/me")).body["emailVerified"]
    return verified


async def test_the_code_that_a_new_user_is_mailed_verifies_her_address_once(
    api: Api, mailbox: Mailbox, worker: Worker
) -> None:
    ann = await api.signed_up()
    mail = await mailbox.next_welcome()
    assert mail["To"] == ann.email
    assert not await is_verified(ann)
    reply = await api.anyone.post("/auth/verify-email", token=token_in(mail))
    assert (reply.status, reply.body) == (200, {"message": "Email verified"})
    assert await is_verified(ann)
    again = await api.anyone.post("/auth/verify-email", token=token_in(mail))
    assert (again.status, again.code) == (400, "INVALID_VERIFICATION_TOKEN")


async def test_a_code_that_was_not_mailed_or_is_old_or_for_a_password_verifies_nothing(
    api: Api, mailbox: Mailbox, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await api.signed_up()
    token = token_in(await mailbox.next_welcome())
    reset = await api.anyone.post("/auth/reset-password", token=token, newPassword=PASSWORD)
    assert reset.code == "INVALID_RESET_TOKEN", "each code is for one purpose"
    real = clock.now
    for late, given in ((timedelta(), "guess"), (timedelta(), "no\0code"), (timedelta(days=8), token)):
        monkeypatch.setattr(clock, "now", lambda late=late: real() + late)
        assert (await api.anyone.post("/auth/verify-email", token=given)).code == "INVALID_VERIFICATION_TOKEN"
    monkeypatch.setattr(clock, "now", real)
    assert not await is_verified(ann)


async def test_the_mail_is_sent_again_to_who_needs_it_and_the_answer_does_not_tell(
    api: Api, mailbox: Mailbox, worker: Worker
) -> None:
    ann = await api.signed_up()
    await mailbox.next_welcome()
    replies = [
        await api.anyone.post("/auth/resend-verification", email=email) for email in (ann.email, "nobody@example.com")
    ]
    token = token_in(await mailbox.next_welcome())
    assert (await api.anyone.post("/auth/verify-email", token=token)).status == 200
    replies.append(await api.anyone.post("/auth/resend-verification", email=ann.email))
    assert [(reply.status, reply.body) for reply in replies] == [(200, {"message": "Verification email sent"})] * 3
    bob = await api.signed_up()
    assert (await mailbox.next_welcome())["To"] == bob.email, "the verified one got no other"
    assert (await api.anyone.post("/auth/resend-verification", email="x")).fields == ["email"]


async def test_the_mail_can_be_asked_for_three_times_an_hour(api: Api) -> None:
    statuses = [(await api.anyone.post("/auth/resend-verification", email="a@example.com")).status for _ in range(4)]
    assert statuses == [200, 200, 200, 429]


async def test_who_signs_up_while_the_queue_is_away_is_signed_up_and_mailed_later(
    api: Api, env: Environment, mailbox: Mailbox, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise RedisConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(Jobs, "enqueue_encoded", away)
        ann = await api.signed_up()
    assert (await ann.get("/users/me")).status == 200
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + outbox.OVERDUE)
    assert await outbox.relay(env.resources, env.publisher) == 1
    assert (await mailbox.next_welcome())["To"] == ann.email


async def test_signing_up_again_and_again_does_not_flood_a_mailbox(api: Api, env: Environment) -> None:
    for name in ("Ann", "ANN", "ann", "aNN"):
        body = {"email": f"{name}@example.com", "password": PASSWORD, "name": "Ann", "userType": "talent"}
        reply = await api.anyone.post("/auth/signup", **body)
        assert reply.status == 201
        assert (await api.anyone.post("/auth/signup", **body)).code == "EMAIL_EXISTS"
        assert (await api.logged_in(reply).delete("/users/me")).status == 204
    assert await env.resources.jobs.waiting() == 3 + 4, "three mails, and the rest of four accounts to erase"


async def test_what_the_clients_of_one_address_have_mailed_is_limited_for_all_mailboxes_together(
    api: Api, change_policy: ChangePolicy
) -> None:
    mails = Rate("mails", 3, 3600)
    for name in ("welcome", "verification", "password_reset"):
        change_policy(**{name: MailRates(mails, getattr(POLICY, name).mailbox)})
    assert (await api.signed_up()).access_token
    paths = ("forgot-password", "resend-verification", "forgot-password", "resend-verification")
    replies = [await api.anyone.post(f"/auth/{path}", email=f"{n}@example.com") for n, path in enumerate(paths)]
    assert [reply.status for reply in replies] == [200, 200, 429, 429]
    assert (await api.signed_up()).access_token, "who cannot be mailed now asks for it later"
