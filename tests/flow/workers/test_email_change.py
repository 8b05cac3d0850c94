"""Change of e-mail: asked for over REST, confirmed by what the worker mails to both addresses."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from uuid import UUID, uuid4

import pytest

from core.accounts import email_changes, logins, sessions
from core.accounts.email_changes import CANCEL, NEW, OLD
from core.accounts.identity import RESET
from core.accounts.one_time import tokens
from core.base import clock
from core.limits.budget import Rate
from core.platform.db import transaction
from core.work.policy import MailRates
from tests.flow.api.conftest import PASSWORD, Api, Caller, Reply, audited
from tests.flow.conftest import Chatter, Environment
from tests.flow.onswift.test_erasure import blocked
from tests.flow.workers.conftest import Mailbox
from tests.policies import ChangePolicy
from workers.app import Worker, open_worker

PATH = "/auth/change-email"
NEW_PASSWORD = "Other-donkey-8"
ASKED = {"message": "Both addresses are asked to confirm"}


def codes_in(mail: EmailMessage) -> dict[str, str]:
    """Return the codes of a mail by where their links lead; each is on a line of its own as well."""
    lines = mail.get_content().splitlines()
    links = [line.partition("/#")[2].partition("=") for line in lines if "/#" in line]
    assert all(token in lines for _, _, token in links)
    return {fragment: token for fragment, _, token in links}


async def ask(caller: Caller, email: str, password: str | None = None) -> Reply:
    return await caller.post(PATH, newEmail=email, **({} if password is None else {"password": password}))


async def confirm(api: Api, token: str) -> Reply:
    return await api.anyone.post(f"{PATH}/confirm", token=token)


async def cancel(api: Api, token: str) -> Reply:
    return await api.anyone.post(f"{PATH}/cancel", token=token)


def a_new_one() -> str:
    return f"New.{uuid4()}@example.com"


@dataclass
class Change:
    """A change that somebody has asked for, and its mails."""

    new: str
    to_old: EmailMessage
    to_new: EmailMessage

    @property
    def codes(self) -> tuple[str, str]:
        """The codes of the old and the new address."""
        return codes_in(self.to_old)["email"], codes_in(self.to_new)["email"]

    @property
    def cancellation(self) -> str:
        return codes_in(self.to_old)["keep-email"]


async def asked(caller: Caller, mailbox: Mailbox, new: str = "") -> Change:
    """Ask for a change and return it with its mails."""
    new = new or a_new_one()
    reply = await ask(caller, new)
    assert (reply.status, reply.body) == (200, ASKED)
    mails = {mail["To"]: mail for mail in [await mailbox.next(), await mailbox.next()]}
    assert mails.keys() == {caller.email, new}
    return Change(new, mails[caller.email], mails[new])


async def pending(caller: Caller) -> str | None:
    email: str | None = (await caller.get("/users/me")).body["pendingEmail"]
    return email


def later(monkeypatch: pytest.MonkeyPatch, delay: timedelta) -> None:
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + delay)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_the_address_changes_when_both_mailboxes_have_confirmed_in_any_order(
    api: Api, mailbox: Mailbox, worker: Worker, order: tuple[int, int]
) -> None:
    ann = await api.signed_up()
    change = await asked(ann, mailbox)
    first, second = (change.codes[place] for place in order)
    reply = await confirm(api, first)
    assert (reply.status, reply.body["changed"]) == (200, False)
    assert (await ann.get("/users/me")).body["email"] == ann.email
    assert await pending(ann) == change.new
    reply = await confirm(api, second)
    assert (reply.status, reply.body) == (200, {"message": "Email changed", "changed": True})
    me = (await ann.get("/users/me")).body
    assert (me["email"], me["emailVerified"], me["pendingEmail"]) == (change.new, True, None)
    assert (await api.log_in(ann.email)).status == 401
    assert (await api.log_in(change.new.upper())).status == 200
    for code in change.codes:
        assert (await confirm(api, code)).code == "INVALID_VERIFICATION_TOKEN", "each is good for one use"


async def test_the_mails_say_what_is_asked_and_by_when_and_the_old_address_is_told_when_it_is_done(
    api: Api, mailbox: Mailbox, worker: Worker
) -> None:
    ann = await api.signed_up(name="Ann Secret")
    change = await asked(ann, mailbox)
    to_old, to_new = change.to_old.get_content(), change.to_new.get_content()
    until = f"{clock.now() + timedelta(hours=24):%d %B %Y}"
    assert change.to_old["Subject"] == change.to_new["Subject"] == "A new address for your account at OnSwift"
    assert change.new in to_old
    assert "network 127.0.0.0/24" in to_old
    assert until in to_old
    assert until in to_new
    assert ann.email not in to_new, "it may be a stranger's mailbox"
    assert "Secret" not in to_new
    for code in change.codes:
        await confirm(api, code)
    done = await mailbox.next()
    assert (done["To"], done["Subject"]) == (ann.email, "The address of your account at OnSwift was changed")
    assert "turn to those who run OnSwift" in done.get_content()
    assert change.new not in done.get_content()


async def test_the_mail_about_another_account_is_the_only_sign_that_there_is_one(
    api: Api, mailbox: Mailbox, worker: Worker
) -> None:
    ann, bob = await api.signed_up(), await api.signed_up("talent")
    change = await asked(ann, mailbox, bob.email)
    assert "there is another account with this address" in change.to_new.get_content()
    assert codes_in(change.to_new) == {}
    assert codes_in(change.to_old).keys() == {"email", "keep-email"}
    assert await pending(ann) == bob.email
    reply = await confirm(api, codes_in(change.to_old)["email"])
    assert (reply.status, reply.body["changed"]) == (200, False)


async def test_asking_does_the_same_work_for_every_address(api: Api, env: Environment) -> None:
    ann, bob = await api.signed_up(), await api.signed_up("talent")
    work = []
    for email in (a_new_one(), bob.email):
        before = await env.resources.jobs.waiting()
        reply = await ask(ann, email)
        work.append((reply.status, reply.body, await env.resources.jobs.waiting() - before))
    assert work == [(200, ASKED, 1)] * 2


async def test_a_change_is_asked_for_with_the_password_or_a_login_of_a_moment_ago(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await api.signed_up()
    later(monkeypatch, timedelta(minutes=6))
    for reply in (await ask(ann, a_new_one()), await ask(ann, a_new_one(), "Wrong-horse-7")):
        assert (reply.status, reply.code) == (403, "REAUTHENTICATION_REQUIRED")
    assert await pending(ann) is None
    assert (await ask(ann, new := a_new_one(), PASSWORD)).status == 200
    assert await pending(ann) == new
    assert (await ask(api.anyone, a_new_one())).status == 401


async def test_what_is_no_address_or_ones_own_is_refused(api: Api) -> None:
    ann = await api.signed_up()
    for email in ("x", "", "a@b", ann.email, ann.email.upper()):
        reply = await ask(ann, email)
        assert (reply.status, reply.code, reply.fields) == (400, "VALIDATION_ERROR", ["newEmail"])
    assert await pending(ann) is None


async def test_each_mailbox_gets_three_such_mails_an_hour_from_all_together(api: Api) -> None:
    victim = a_new_one()
    people = [await api.signed_up() for _ in range(4)]
    assert [(await ask(one, victim)).status for one in people] == [200, 200, 200, 429]
    assert [(await ask(people[0], a_new_one())).status for _ in range(3)] == [200, 200, 429], "her own mailbox, too"


async def test_a_change_counts_as_two_of_the_mails_that_the_clients_of_an_address_have_sent(
    api: Api, change_policy: ChangePolicy
) -> None:
    ann, bob = await api.signed_up(), await api.signed_up()
    change_policy(email_change=MailRates(Rate("mails of a test", 4, 3600), Rate("email-change", 3, 3600)))
    statuses = [(await ask(ann, a_new_one())).status for _ in range(2)]
    assert [*statuses, (await ask(bob, a_new_one())).status] == [200, 200, 429]


async def test_wrong_codes_count_with_all_other_codes_of_an_address(api: Api, change_policy: ChangePolicy) -> None:
    change_policy(codes=Rate("codes", 2, 900))
    replies = [await confirm(api, "guess"), await cancel(api, "no\0code"), await confirm(api, "guess")]
    assert [reply.status for reply in replies] == [400, 400, 429]
    assert replies[0].code == replies[1].code == "INVALID_VERIFICATION_TOKEN"


async def test_a_new_request_replaces_the_one_before(api: Api, mailbox: Mailbox, worker: Worker) -> None:
    ann = await api.signed_up()
    before = await asked(ann, mailbox)
    after = await asked(ann, mailbox)
    for code in before.codes:
        assert (await confirm(api, code)).code == "INVALID_VERIFICATION_TOKEN"
    assert (await cancel(api, before.cancellation)).code == "INVALID_VERIFICATION_TOKEN"
    assert await pending(ann) == after.new
    assert [(await confirm(api, code)).body["changed"] for code in after.codes] == [False, True]


async def test_codes_are_good_for_a_day_and_for_one_thing(
    api: Api, mailbox: Mailbox, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await api.signed_up()
    change = await asked(ann, mailbox)
    assert (await cancel(api, change.codes[0])).code == "INVALID_VERIFICATION_TOKEN"
    assert (await confirm(api, change.cancellation)).code == "INVALID_VERIFICATION_TOKEN"
    reset = await api.anyone.post("/auth/reset-password", token=change.codes[0], newPassword=NEW_PASSWORD)
    assert reset.code == "INVALID_RESET_TOKEN"
    assert (await api.anyone.post("/auth/verify-email", token=change.codes[1])).code == "INVALID_VERIFICATION_TOKEN"
    later(monkeypatch, email_changes.LIFETIME + timedelta(minutes=1))
    for code in (*change.codes, change.cancellation):
        reply = await (cancel if code == change.cancellation else confirm)(api, code)
        assert reply.code == "INVALID_VERIFICATION_TOKEN"


async def test_an_expired_change_is_not_shown_as_pending(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    await ask(ann, a_new_one())
    await env.resources.db.execute("update email_changes set expires_at = now() - interval '1 second'")
    assert await pending(ann) is None


async def test_codes_are_stored_as_their_hashes_only(
    api: Api, env: Environment, mailbox: Mailbox, worker: Worker
) -> None:
    change = await asked(await api.signed_up(), mailbox)
    purposes = [OLD, NEW, CANCEL]
    rows = await env.resources.db.fetch("select hash from one_time_tokens where purpose = any ($1)", purposes)
    codes = (*change.codes, change.cancellation)
    assert {row["hash"] for row in rows} == {hashlib.sha256(code.encode()).digest() for code in codes}
    stored = str([dict(row) for row in await env.resources.db.fetch("select * from email_changes")])
    assert not any(code in stored for code in codes)


async def test_the_old_mailbox_cancels_what_its_owner_has_not_asked_for_also_after_it_has_confirmed(
    api: Api, mailbox: Mailbox, worker: Worker
) -> None:
    ann = await api.signed_up()
    change = await asked(ann, mailbox)
    assert (await confirm(api, change.codes[0])).status == 200
    reply = await cancel(api, change.cancellation)
    assert (reply.status, reply.body) == (200, {"message": "Your address stays as it is"})
    assert await pending(ann) is None
    for code in change.codes:
        assert (await confirm(api, code)).code == "INVALID_VERIFICATION_TOKEN"
    assert (await cancel(api, change.cancellation)).code == "INVALID_VERIFICATION_TOKEN"
    assert (await ann.get("/users/me")).body["email"] == ann.email


async def test_its_user_cancels_it_without_a_code_and_a_second_time_does_no_harm(
    api: Api, mailbox: Mailbox, worker: Worker
) -> None:
    ann = await api.signed_up()
    change = await asked(ann, mailbox)
    assert [(await ann.delete(PATH)).status for _ in range(2)] == [204, 204]
    assert await pending(ann) is None
    assert (await confirm(api, change.codes[1])).code == "INVALID_VERIFICATION_TOKEN"


async def test_an_address_that_has_been_taken_meanwhile_is_a_conflict_and_changes_nothing(
    api: Api, mailbox: Mailbox, worker: Worker
) -> None:
    ann = await api.signed_up()
    change = await asked(ann, mailbox)
    assert (await confirm(api, change.codes[0])).status == 200
    body = {"email": change.new.upper(), "password": PASSWORD, "name": "Bob", "userType": "talent"}
    bob = api.logged_in(await api.anyone.post("/auth/signup", **body))
    reply = await confirm(api, change.codes[1])
    assert (reply.status, reply.code) == (409, "EMAIL_EXISTS")
    assert (await ann.get("/users/me")).body["email"] == ann.email
    assert (await bob.get("/users/me")).body["email"] == body["email"]
    assert (await bob.delete("/users/me")).status == 204
    assert (await confirm(api, change.codes[1])).body["changed"], "it was not used up"


async def test_of_two_who_want_one_address_at_once_one_gets_it(api: Api, env: Environment) -> None:
    new, people = a_new_one(), [await api.signed_up() for _ in range(2)]
    for place, one in enumerate(people):
        assert (await ask(one, new)).status == 200
        await mail_codes(env, one, str(place))
    for place in range(2):
        assert (await confirm(api, f"{OLD}{place}")).status == 200
    replies = await asyncio.gather(*(confirm(api, f"{NEW}{place}") for place in range(2)))
    assert sorted(reply.status for reply in replies) == [200, 409]
    emails = [(await one.get("/users/me")).body["email"] for one in people]
    assert sorted(email == new for email in emails) == [False, True]


async def mail_codes(env: Environment, caller: Caller, mark: str = "") -> None:
    """Store the codes of a pending change as if they had come by mail."""
    in_an_hour = clock.now() + timedelta(hours=1)
    for purpose in (OLD, NEW, CANCEL):
        code = tokens.digest(purpose + mark)
        await tokens.INSERT(env.resources.db, code, UUID(caller.id), purpose, in_an_hour)


@pytest.fixture
async def ann(api: Api, env: Environment) -> Caller:
    """Return somebody who has asked for a change, whose codes are the names of their purposes."""
    ann = await api.signed_up("talent")
    assert (await ask(ann, a_new_one())).status == 200
    await mail_codes(env, ann)
    return ann


async def confirm_both(api: Api) -> None:
    assert [(await confirm(api, code)).body["changed"] for code in (OLD, NEW)] == [False, True]


async def test_of_two_mailboxes_that_confirm_at_once_the_later_one_changes_the_address(api: Api, ann: Caller) -> None:
    replies = await asyncio.gather(confirm(api, OLD), confirm(api, NEW))
    assert sorted(reply.body["changed"] for reply in replies) == [False, True]
    assert (await ann.get("/users/me")).body["email"] != ann.email


async def test_one_code_that_comes_twice_at_once_counts_once(api: Api, ann: Caller) -> None:
    replies = await asyncio.gather(confirm(api, OLD), confirm(api, OLD))
    assert sorted(reply.status for reply in replies) == [200, 400]
    assert (await ann.get("/users/me")).body["email"] == ann.email


async def test_the_login_that_asked_goes_on_and_hears_of_the_change(
    api: Api, env: Environment, hub: str, ann: Caller
) -> None:
    user = await logins.authenticate(env.resources, "onswift", ann.access_token)
    chatter = await Chatter(user, ann.access_token, hub).connect()
    env.stack.push_async_callback(chatter.socket.disconnect)
    await confirm_both(api)
    assert (await chatter.heard.next("user:updated"))["user"]["id"] == ann.id
    assert chatter.socket.connected
    assert (await ann.get("/users/me")).status == 200
    assert (await api.anyone.post("/auth/refresh", refreshToken=ann.refresh_token)).status == 200


async def log_out_everywhere_else(_api: Api, _house: Environment, ann: Caller) -> None:
    assert (await ann.delete("/auth/sessions")).status == 204


async def change_password(_api: Api, _house: Environment, ann: Caller) -> None:
    change = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    assert (await ann.post("/auth/change-password", **change)).status == 200


async def reset_password(api: Api, env: Environment, ann: Caller) -> None:
    expires = clock.now() + timedelta(hours=1)
    await tokens.INSERT(env.resources.db, tokens.digest(RESET), UUID(ann.id), RESET, expires)
    assert (await api.anyone.post("/auth/reset-password", token=RESET, newPassword=NEW_PASSWORD)).status == 200


async def delete_account(_api: Api, _house: Environment, ann: Caller) -> None:
    assert (await ann.delete("/users/me")).status == 204


@pytest.mark.parametrize("end", [log_out_everywhere_else, change_password, reset_password, delete_account])
async def test_what_ends_all_logins_cancels_a_pending_change(
    api: Api, env: Environment, ann: Caller, end: Callable[[Api, Environment, Caller], Awaitable[None]]
) -> None:
    assert (await confirm(api, OLD)).status == 200
    await end(api, env, ann)
    for reply in (await confirm(api, NEW), await cancel(api, CANCEL)):
        assert reply.code == "INVALID_VERIFICATION_TOKEN"
    assert await env.resources.db.fetchval("select count(*) from email_changes") == 0


async def test_the_end_of_the_login_that_asked_leaves_the_change_pending(
    api: Api, env: Environment, ann: Caller
) -> None:
    assert (await ann.post("/auth/logout")).status == 204
    await confirm_both(api)
    assert await env.resources.db.fetchval("select count(*) from sessions where ended_at is null") == 0


async def test_a_change_that_is_asked_for_while_all_logins_end_is_refused(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    async with asyncio.TaskGroup() as tasks, transaction(env.resources.db) as db:
        await sessions.LOCK_USER(db, UUID(ann.id))
        asking = tasks.create_task(ask(ann, a_new_one()))
        await blocked(env)
        await sessions.END_OF_USER(db, UUID(ann.id), None, clock.now(), "by a test")
    assert asking.result().code == "SESSION_ENDED"
    assert await env.resources.db.fetchval("select count(*) from email_changes") == 0


async def test_codes_that_are_being_mailed_end_with_a_change_that_is_cancelled(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    await ask(ann, a_new_one())
    (id,) = [id for (id,) in await env.resources.db.fetch("select id from email_changes")]
    async with asyncio.TaskGroup() as tasks, transaction(env.resources.db) as db:
        assert await email_changes.HOLD_PENDING(db, id, clock.now())
        cancelling = tasks.create_task(ann.delete(PATH))
        await blocked(env)
        await tokens.INSERT(db, tokens.digest(OLD), UUID(ann.id), OLD, clock.now() + timedelta(hours=1))
    assert cancelling.result().status == 204
    assert await env.resources.db.fetchval("select count(*) from one_time_tokens where used_at is null") == 0


async def test_a_cancelled_change_and_a_deleted_account_are_mailed_nothing(
    api: Api, mailbox: Mailbox, env: Environment
) -> None:
    ann, bob, eve = [await api.signed_up() for _ in range(3)]
    for one in (ann, bob):
        await ask(one, a_new_one())
    await ann.delete(PATH)
    await bob.delete("/users/me")
    await ask(eve, new := a_new_one())
    async with open_worker(env.settings, env.resources, env.publisher):
        assert {(await mailbox.next())["To"] for _ in range(2)} == {eve.email, new}
    assert mailbox.mails.empty()


async def test_a_mail_that_waits_for_the_mail_server_is_not_sent_once_the_change_is_cancelled(
    api: Api, env: Environment, mailbox: Mailbox
) -> None:
    ann = await api.signed_up()
    await ask(ann, a_new_one())
    (id,) = [id for (id,) in await env.resources.db.fetch("select id from email_changes")]
    mail = email_changes.ADDRESS
    assert await mail(env.resources.db, id, "old") == ann.email
    await ann.delete(PATH)
    assert await mail(env.resources.db, id, "old") is None


async def test_the_audit_log_has_each_step_without_addresses(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    new = a_new_one()
    await ask(ann, a_new_one())
    await ask(ann, new)
    await mail_codes(env, ann)
    await confirm_both(api)
    rows = await audited(env)
    assert [(action, facts) for action, entity, facts in rows if "email" in action] == [
        ("user.ask_email_change", {}),
        ("user.cancel_email_change", {}),
        ("user.ask_email_change", {}),
        ("user.confirm_email_change", {"address": "old"}),
        ("user.confirm_email_change", {"address": "new"}),
        ("user.change_email", {}),
    ]
    assert {str(entity) for _, entity, _ in rows} == {ann.id}
    assert "example.com" not in str(rows)


async def test_the_export_has_a_change_that_is_pending(api: Api, ann: Caller) -> None:
    new = await pending(ann)
    (change,) = (await ann.get("/users/me/export")).body["data"]["email changes"]
    assert (change["oldEmail"], change["newEmail"], change["changedAt"]) == (ann.email, new, None)
