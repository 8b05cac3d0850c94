"""A new password: asked for over REST, mailed by the worker over SMTP, chosen with what the mail says."""

import hashlib
from datetime import timedelta
from email.message import EmailMessage

import pytest

from core import clock
from core.identity import RESET
from core.jobs import NotifyMembers, SendMail
from tests.flow.api.conftest import Api, Reply
from tests.flow.conftest import House
from tests.flow.workers.conftest import Mailbox
from workers.app import Worker

NEW_PASSWORD = "Other-donkey-8"


def token_in(mail: EmailMessage) -> str:
    """Return the code of a mail: it is in the link, and on a line of its own."""
    lines = mail.get_content().splitlines()
    (link,) = [line for line in lines if line.startswith("http")]
    token: str = link.partition("/#reset=")[2]
    assert token in lines
    return token


async def forgot(api: Api, email: str) -> Reply:
    return await api.anyone.post("/auth/forgot-password", email=email)


async def reset(api: Api, token: str, password: str = NEW_PASSWORD) -> Reply:
    return await api.anyone.post("/auth/reset-password", token=token, newPassword=password)


async def test_a_mailed_code_sets_a_new_password_once_and_ends_all_sessions(
    api: Api, mailbox: Mailbox, worker: Worker
) -> None:
    ann = await api.signed_up()
    reply = await forgot(api, ann.email.upper())
    assert (reply.status, reply.body) == (200, {"message": "Password reset email sent"})
    mail = await mailbox.next()
    assert (mail["To"], mail["From"]) == (ann.email, "Greenroom <no-reply@localhost>")
    done = await reset(api, token_in(mail))
    assert (done.status, done.body) == (200, {"message": "Password reset successful"})
    assert (await ann.get("/users/me")).code == "SESSION_ENDED"
    assert (await api.log_in(ann.email)).status == 401
    assert (await api.log_in(ann.email, NEW_PASSWORD)).status == 200
    again = await reset(api, token_in(mail), "Third-donkey-9")
    assert (again.status, again.code) == (400, "INVALID_RESET_TOKEN")


async def test_a_bad_new_password_does_not_use_the_code_up(api: Api, mailbox: Mailbox, worker: Worker) -> None:
    ann = await api.signed_up()
    await forgot(api, ann.email)
    token = token_in(await mailbox.next())
    weak = await reset(api, token, "weak")
    assert (weak.status, weak.code, set(weak.fields)) == (400, "VALIDATION_ERROR", {"newPassword"})
    assert (await reset(api, token)).status == 200


async def test_a_code_is_good_for_an_hour(
    api: Api, mailbox: Mailbox, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await api.signed_up()
    await forgot(api, ann.email)
    token = token_in(await mailbox.next())
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(minutes=61))
    assert (await reset(api, token)).code == "INVALID_RESET_TOKEN"


async def test_a_reset_voids_the_other_codes(api: Api, mailbox: Mailbox, worker: Worker) -> None:
    ann = await api.signed_up()
    await forgot(api, ann.email)
    first = token_in(await mailbox.next())
    await forgot(api, ann.email)
    second = token_in(await mailbox.next())
    assert (await reset(api, second)).status == 200
    assert (await reset(api, first, "Third-donkey-9")).code == "INVALID_RESET_TOKEN"


async def test_an_unknown_address_gets_the_same_answer_and_no_mail(
    api: Api, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued: list[SendMail | NotifyMembers] = []

    async def enqueue(job: SendMail | NotifyMembers) -> None:
        queued.append(job)

    ann = await api.signed_up()
    monkeypatch.setattr(house.resources.jobs, "enqueue", enqueue)
    unknown = await forgot(api, "nobody@example.com")
    assert queued == []
    assert (await forgot(api, ann.email)).body == unknown.body
    assert len(queued) == 1


async def test_an_address_is_mailed_three_times_an_hour(api: Api) -> None:
    statuses = [(await forgot(api, "Ann@example.com")).status for _ in range(3)]
    fourth = await forgot(api, "ann@EXAMPLE.com")
    assert (statuses, fourth.status) == ([200] * 3, 429)
    assert (await forgot(api, "bob@example.com")).status == 200


async def test_a_code_is_stored_as_its_hash_only(api: Api, house: House, mailbox: Mailbox, worker: Worker) -> None:
    ann = await api.signed_up()
    await forgot(api, ann.email)
    token = token_in(await mailbox.next())
    stored = await house.resources.db.fetch("select hash from one_time_tokens where purpose = $1", RESET)
    assert [row["hash"] for row in stored] == [hashlib.sha256(token.encode()).digest()]


async def test_a_code_of_nobody_is_refused(api: Api) -> None:
    for token in ("", "x", "\0", "\u00e9" * 500):
        reply = await reset(api, token)
        assert (reply.status, reply.code) == (400, "INVALID_RESET_TOKEN")
