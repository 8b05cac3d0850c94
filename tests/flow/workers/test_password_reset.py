"""A new password: asked for over REST, mailed by the worker over SMTP, chosen with what the mail says."""

import hashlib
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from email.message import EmailMessage
from unittest.mock import MagicMock

import pytest

from core.accounts.identity import RESET
from core.base import clock
from core.limits.budget import Rate
from core.platform import passwords
from core.platform.observability import tracing
from core.platform.observability.tracing import Fact, Kind
from tests.flow.api.conftest import Api, Reply
from tests.flow.conftest import Environment
from tests.flow.workers.conftest import Mailbox
from tests.policies import ChangePolicy
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


async def test_the_links_of_mails_lead_where_the_policy_says(
    api: Api, mailbox: Mailbox, worker: Worker, change_policy: ChangePolicy
) -> None:
    change_policy(code_link="{url}/account/{page}?code={code}")
    ann = await api.signed_up()
    assert "/account/verify?code=" in (await mailbox.next_welcome()).get_content()
    await forgot(api, ann.email)
    assert "/account/reset?code=" in (await mailbox.next()).get_content()


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


class Statements:
    """Notes what the database is asked."""

    def __init__(self) -> None:
        self.made: list[Fact] = []

    def span(
        self, _name: str, _kind: Kind, _parent: str, facts: dict[str, Fact]
    ) -> AbstractContextManager[tracing.Span]:
        self.made += [facts[key] for key in ("db.query.text",) if key in facts]
        return nullcontext(MagicMock())

    def parent(self) -> str:
        return ""


@pytest.mark.parametrize("path", ["forgot-password", "resend-verification"])
async def test_an_unknown_address_gets_the_same_answer_for_the_same_work(api: Api, env: Environment, path: str) -> None:
    ann, seen = await api.signed_up(), []
    for email in ("nobody@example.com", ann.email):
        before = await env.resources.jobs.waiting()
        with tracing.traced_by(statements := Statements()):
            replies = [await api.anyone.post(f"/auth/{path}", email=email) for _ in range(4)]
        answers = [(reply.status, reply.body) for reply in replies]
        seen.append((answers, statements.made, await env.resources.jobs.waiting() - before))
    assert seen[0] == seen[1]
    assert [status for status, _ in seen[0][0]] == [200, 200, 200, 429]
    assert seen[0][1:] == ([], 3), "the worker looks whether there is an account, not the call"


async def test_an_unknown_address_gets_no_mail(api: Api, mailbox: Mailbox, worker: Worker) -> None:
    ann = await api.signed_up()
    await forgot(api, "nobody@example.com")
    await forgot(api, ann.email)
    assert (await mailbox.next())["To"] == ann.email
    assert mailbox.mails.empty()


async def test_an_address_is_mailed_three_times_an_hour(api: Api) -> None:
    statuses = [(await forgot(api, "Ann@example.com")).status for _ in range(3)]
    fourth = await forgot(api, "ann@EXAMPLE.com")
    assert (statuses, fourth.status) == ([200] * 3, 429)
    assert (await forgot(api, "bob@example.com")).status == 200


async def test_a_code_is_stored_as_its_hash_only(api: Api, env: Environment, mailbox: Mailbox, worker: Worker) -> None:
    ann = await api.signed_up()
    await forgot(api, ann.email)
    token = token_in(await mailbox.next())
    stored = await env.resources.db.fetch("select hash from one_time_tokens where purpose = $1", RESET)
    assert [row["hash"] for row in stored] == [hashlib.sha256(token.encode()).digest()]


async def test_a_code_of_nobody_is_refused(api: Api) -> None:
    for token in ("", "x", "\0", "\u00e9" * 500):
        reply = await reset(api, token)
        assert (reply.status, reply.code) == (400, "INVALID_RESET_TOKEN")


async def test_a_wrong_code_costs_no_hash_and_many_of_them_are_refused(
    api: Api, change_policy: ChangePolicy, hashes: list[str]
) -> None:
    change_policy(codes=Rate("codes", 3, 900))
    replies = [await reset(api, f"guess-{n}") for n in range(5)]
    assert [reply.status for reply in replies] == [400] * 3 + [429] * 2
    assert (await api.anyone.post("/auth/verify-email", token="guess")).status == 429, "all codes count together"
    assert hashes == []


async def test_right_codes_do_not_count(
    api: Api, mailbox: Mailbox, worker: Worker, change_policy: ChangePolicy, hashes: list[str]
) -> None:
    change_policy(codes=Rate("codes", 1, 900))
    for n in range(3):
        ann = await api.signed_up()
        await forgot(api, ann.email)
        while (mail := await mailbox.next())["To"] != ann.email or "#reset" not in mail.get_content():
            pass  # those that tell of the new passwords before
        assert (await reset(api, token_in(mail), f"Other-donkey-{n}")).status == 200
    assert len(hashes) == 6


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the passwords that are hashed from now on."""
    made: list[str] = []
    real = passwords.hash_password

    def hashed(password: str) -> str:
        made.append(password)
        return real(password)

    monkeypatch.setattr(passwords, "hash_password", hashed)
    return made
