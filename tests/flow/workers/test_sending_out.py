"""Notifications that go out: to whom, where, and how often."""

import asyncio
import logging
from dataclasses import replace
from uuid import UUID

import msgspec
import pytest

from core.base.ids import uuid7
from core.base.paging import CursorQuery
from core.base.publisher import Draft
from core.notifications import deliveries, devices, notifications
from core.notifications.preferences import PreferenceChange, choose
from core.work.context import Ctx, User
from core.work.jobs import NotifyMembers, SendOut
from core.work.notices import Notice
from core.work.unit_of_work import unit_of_work
from tests.flow.conftest import PATIENCE, Environment, at_bazaar
from tests.flow.workers.conftest import Mailbox
from tests.flow.workers.test_notifications import Recorder
from workers.app import Worker

pytestmark = at_bazaar
LATE = Notice("late", "Late\nagain", "{task} is late", "task", email=True)
QUIET = Notice("quiet", "Quiet", "{task} is quiet", "task")


@pytest.fixture
def recorder(env: Environment, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    return Recorder(env, monkeypatch)


async def notify(env: Environment, user: User, notice: Notice, task: str = "Cut") -> None:
    """Notify someone of something that nobody in particular has done."""
    async with unit_of_work(nobody_s(env, user)) as work:
        await work.notify(notice, [user.id], UUID(int=7), task=task)


def nobody_s(env: Environment, user: User) -> Ctx:
    ctx = env.ctx(user)
    return Ctx(ctx.resources, ctx.publisher, ctx.policy, "test")


async def choose_of(env: Environment, user: User, notice: Notice, **channels: bool) -> None:
    change = msgspec.convert({"type": notice.type, **channels}, PreferenceChange)
    ctx, notices = env.ctx(user), (LATE, QUIET, notifications.MESSAGE_RECEIVED)
    await choose(replace(ctx, policy=msgspec.structs.replace(ctx.policy, notices=notices)), [change])


async def quiet(env: Environment, worker: Worker) -> None:
    """Return when the queue is empty but for periodic work."""
    async with asyncio.timeout(PATIENCE):
        while [job for job in await env.resources.redis.zrange("arq:queue", 0, -1) if b":" not in job]:  # noqa: ASYNC110 - a table does not tell
            await asyncio.sleep(0.02)


async def listed(env: Environment, user: User) -> list[str]:
    page = await notifications.list_of_user(env.ctx(user), None, CursorQuery())
    return [one.type for one in page.notifications]


async def test_a_notice_is_mailed_once_and_says_how_to_be_rid_of_it(
    env: Environment, mailbox: Mailbox, worker: Worker
) -> None:
    ann, _ = await env.person("Ann")
    await notify(env, ann, LATE, "The\ncut")
    mail = await mailbox.next()
    assert (mail["To"], mail["Subject"]) == (ann.email, "Late again - Bazaar")
    text = mail.get_content().replace("\r\n", "\n")
    assert text.startswith("The\ncut is late\n\n" + env.settings.public_url)
    assert "switch" in text
    (id,) = [row["id"] for row in await env.resources.db.fetch("select id from notifications")]
    assert mail["Message-ID"] == f"<{id}@localhost>"
    for _ in range(2):
        await env.resources.jobs.enqueue(SendOut([str(id)], email=True, push=True))
    await notify(env, ann, LATE, "Second")
    assert "Second" in (await mailbox.next()).get_content()


async def test_what_is_not_to_be_mailed_is_not(env: Environment, mailbox: Mailbox, worker: Worker) -> None:
    ann, _ = await env.person("Ann")
    bob, _ = await env.person("Bob")
    await notify(env, ann, QUIET)
    await choose_of(env, bob, LATE, email=False)
    await notify(env, bob, LATE)
    await notify(env, ann, LATE, "Second")
    assert "Second" in (await mailbox.next()).get_content()
    await quiet(env, worker)
    assert mailbox.mails.empty()


async def test_users_choose_mails_that_are_not_usual(env: Environment, mailbox: Mailbox, worker: Worker) -> None:
    ann, _ = await env.person("Ann")
    await choose_of(env, ann, QUIET, email=True)
    await notify(env, ann, QUIET)
    assert (await mailbox.next())["Subject"] == "Quiet - Bazaar"


async def test_with_in_app_off_a_notification_is_mailed_but_neither_listed_nor_emitted(
    env: Environment, recorder: Recorder, mailbox: Mailbox, worker: Worker
) -> None:
    ann, _ = await env.person("Ann")
    await choose_of(env, ann, LATE, inApp=False)
    await notify(env, ann, LATE)
    assert "late" in (await mailbox.next()).get_content()
    assert await listed(env, ann) == []
    assert recorder.notified() == []


async def test_without_any_channel_no_notification_is_stored(env: Environment) -> None:
    ann, _ = await env.person("Ann")
    await choose_of(env, ann, QUIET, inApp=False)
    await notify(env, ann, QUIET)
    assert await env.resources.db.fetchval("select count(*) from notifications") == 0
    assert await env.resources.db.fetchval("select count(*) from outbox") == 0


async def test_a_user_who_has_gone_or_has_read_it_is_not_mailed(env: Environment) -> None:
    db = env.resources.db
    people = [(await env.person(name))[0] for name in ("Ann", "Bob", "Eve")]
    for user in people:
        await notify(env, user, LATE)
    ids = [row["id"] for row in await db.fetch("select id from notifications order by id")]
    await db.execute("update users set deleted_at = now() where id = $1", people[0].id)
    await db.execute("update notifications set read_at = now() where user_id = $1", people[1].id)
    await deliveries.send_out(nobody_s(env, people[0]), ids, email=True, push=True)
    assert [row["id"] for row in await db.fetch("select id from notifications where mailed_at is not null")] == ids[2:]
    assert await deliveries.MAIL(db, ids[0], None) is None, "nor if she goes before the mail does"


async def test_two_workers_that_send_the_same_out_mail_it_once(env: Environment) -> None:
    ann, _ = await env.person("Ann")
    await notify(env, ann, LATE)
    (id,) = [row["id"] for row in await env.resources.db.fetch("select id from notifications")]
    ctx = nobody_s(env, ann)
    await env.resources.redis.flushall()
    await asyncio.gather(*(deliveries.send_out(ctx, [id], email=True, push=True) for _ in range(5)))
    assert await env.resources.redis.zcard("arq:queue") == 1


async def test_messages_are_mailed_only_to_those_who_want_it_and_once_until_they_read(
    env: Environment, mailbox: Mailbox, worker: Worker
) -> None:
    (ann, _), (bob, _), (eve, _) = [await env.person(name) for name in ("Ann", "Bob", "Eve")]
    group = await env.group(ann, bob, eve)
    await choose_of(env, eve, notifications.MESSAGE_RECEIVED, email=True)
    for text in ("one", "two"):
        await env.publisher.append(Draft(uuid7(), group, ann.person, text))
        await env.resources.jobs.enqueue(NotifyMembers([str(group)]))
        await quiet(env, worker)
    mail = await mailbox.next()
    assert (mail["To"], mail["Subject"]) == (eve.email, "New message - Bazaar")
    assert mailbox.mails.empty()


async def test_who_wants_no_notifications_of_messages_still_sees_the_list_of_conversations_move(
    env: Environment, recorder: Recorder
) -> None:
    (ann, _), (bob, _) = await env.person("Ann"), await env.person("Bob")
    group = await env.group(ann, bob)
    await choose_of(env, bob, notifications.MESSAGE_RECEIVED, inApp=False)
    await env.publisher.append(Draft(uuid7(), group, ann.person, "one"))
    recorder.told.clear()
    assert await notifications.notify_members(env.resources, env.publisher, [group]) == []
    assert [event.name for _, event in recorder.told] == ["conversation:updated"]
    assert await listed(env, bob) == []


async def test_without_a_provider_it_is_logged_that_there_is_a_push_but_not_what_it_says(
    env: Environment, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ann, _ = await env.person("Ann")
    await devices.register(env.ctx(ann), "fcm", "token-of-ann")
    await notify(env, ann, QUIET, "A secret")
    async with asyncio.timeout(PATIENCE):
        while "a push to a device (fcm), which no provider brings: Quiet" not in caplog.messages:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert "token-of-ann" not in caplog.text
    assert "A secret" not in caplog.text
