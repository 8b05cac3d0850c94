"""Notifications that go out: to whom, where, and how often."""

import asyncio
import logging
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
from tests.flow.conftest import PATIENCE, House
from tests.flow.workers.conftest import Mailbox
from tests.flow.workers.test_notifications import Ear
from workers.app import Worker

LATE = Notice("late", "Late\nagain", "{task} is late", "task", email=True)
QUIET = Notice("quiet", "Quiet", "{task} is quiet", "task")


@pytest.fixture
def ear(house: House, monkeypatch: pytest.MonkeyPatch) -> Ear:
    return Ear(house, monkeypatch)


async def notify(house: House, user: User, notice: Notice, task: str = "Cut") -> None:
    """Notify someone of something that nobody in particular has done."""
    async with unit_of_work(nobody_s(house, user)) as work:
        await work.notify(notice, [user.id], UUID(int=7), task=task)


def nobody_s(house: House, user: User) -> Ctx:
    ctx = house.ctx(user)
    return Ctx(ctx.resources, ctx.publisher, user.market, "test")


async def choose_of(house: House, user: User, notice: Notice, **channels: bool) -> None:
    change = msgspec.convert({"type": notice.type, **channels}, PreferenceChange)
    await choose(house.ctx(user), [LATE, QUIET, notifications.MESSAGE_RECEIVED], [change])


async def quiet(house: House, worker: Worker) -> None:
    """Return when the queue is empty but for periodic work."""
    async with asyncio.timeout(PATIENCE):
        while [job for job in await house.resources.redis.zrange("arq:queue", 0, -1) if b":" not in job]:  # noqa: ASYNC110 - a table does not tell
            await asyncio.sleep(0.02)


async def listed(house: House, user: User) -> list[str]:
    page = await notifications.list_of_user(house.ctx(user), None, CursorQuery())
    return [one.type for one in page.notifications]


async def test_a_notice_is_mailed_once_and_says_how_to_be_rid_of_it(
    house: House, mailbox: Mailbox, worker: Worker
) -> None:
    ann, _ = await house.person("Ann")
    await notify(house, ann, LATE, "The\ncut")
    mail = await mailbox.next()
    assert (mail["To"], mail["Subject"]) == (ann.email, "Late again - OnSwift")
    text = mail.get_content().replace("\r\n", "\n")
    assert text.startswith("The\ncut is late\n\n" + house.settings.public_url)
    assert "switch" in text
    (id,) = [row["id"] for row in await house.resources.db.fetch("select id from notifications")]
    assert mail["Message-ID"] == f"<{id}@localhost>"
    for _ in range(2):
        await house.resources.jobs.enqueue(SendOut([str(id)], email=True, push=True))
    await notify(house, ann, LATE, "Second")
    assert "Second" in (await mailbox.next()).get_content()


async def test_what_is_not_to_be_mailed_is_not(house: House, mailbox: Mailbox, worker: Worker) -> None:
    ann, _ = await house.person("Ann")
    bob, _ = await house.person("Bob")
    await notify(house, ann, QUIET)
    await choose_of(house, bob, LATE, email=False)
    await notify(house, bob, LATE)
    await notify(house, ann, LATE, "Second")
    assert "Second" in (await mailbox.next()).get_content()
    await quiet(house, worker)
    assert mailbox.mails.empty()


async def test_users_choose_mails_that_are_not_usual(house: House, mailbox: Mailbox, worker: Worker) -> None:
    ann, _ = await house.person("Ann")
    await choose_of(house, ann, QUIET, email=True)
    await notify(house, ann, QUIET)
    assert (await mailbox.next())["Subject"] == "Quiet - OnSwift"


async def test_who_wants_none_in_the_list_has_none_there_and_is_not_told_but_is_mailed(
    house: House, ear: Ear, mailbox: Mailbox, worker: Worker
) -> None:
    ann, _ = await house.person("Ann")
    await choose_of(house, ann, LATE, inApp=False)
    await notify(house, ann, LATE)
    assert "late" in (await mailbox.next()).get_content()
    assert await listed(house, ann) == []
    assert ear.notified() == []


async def test_who_wants_none_at_all_has_no_row(house: House) -> None:
    ann, _ = await house.person("Ann")
    await choose_of(house, ann, QUIET, inApp=False)
    await notify(house, ann, QUIET)
    assert await house.resources.db.fetchval("select count(*) from notifications") == 0
    assert await house.resources.db.fetchval("select count(*) from outbox") == 0


async def test_a_user_who_has_gone_or_has_read_it_is_not_mailed(house: House) -> None:
    db = house.resources.db
    people = [(await house.person(name))[0] for name in ("Ann", "Bob", "Eve")]
    for user in people:
        await notify(house, user, LATE)
    ids = [row["id"] for row in await db.fetch("select id from notifications order by id")]
    await db.execute("update users set deleted_at = now() where id = $1", people[0].id)
    await db.execute("update notifications set read_at = now() where user_id = $1", people[1].id)
    await deliveries.send_out(nobody_s(house, people[0]), ids, email=True, push=True)
    assert [row["id"] for row in await db.fetch("select id from notifications where mailed_at is not null")] == ids[2:]
    assert await deliveries.MAIL(db, ids[0], None) is None, "nor if she goes before the mail does"


async def test_two_workers_that_send_the_same_out_mail_it_once(house: House) -> None:
    ann, _ = await house.person("Ann")
    await notify(house, ann, LATE)
    (id,) = [row["id"] for row in await house.resources.db.fetch("select id from notifications")]
    ctx = nobody_s(house, ann)
    await house.resources.redis.flushall()
    await asyncio.gather(*(deliveries.send_out(ctx, [id], email=True, push=True) for _ in range(5)))
    assert await house.resources.redis.zcard("arq:queue") == 1


async def test_messages_are_mailed_only_to_those_who_want_it_and_once_until_they_read(
    house: House, mailbox: Mailbox, worker: Worker
) -> None:
    (ann, _), (bob, _), (eve, _) = [await house.person(name) for name in ("Ann", "Bob", "Eve")]
    group = await house.group(ann, bob, eve)
    await choose_of(house, eve, notifications.MESSAGE_RECEIVED, email=True)
    for text in ("one", "two"):
        await house.publisher.append(Draft(uuid7(), group, ann.person, text))
        await house.resources.jobs.enqueue(NotifyMembers([str(group)]))
        await quiet(house, worker)
    mail = await mailbox.next()
    assert (mail["To"], mail["Subject"]) == (eve.email, "New message - OnSwift")
    assert mailbox.mails.empty()


async def test_who_wants_no_notifications_of_messages_still_sees_the_list_of_conversations_move(
    house: House, ear: Ear
) -> None:
    (ann, _), (bob, _) = await house.person("Ann"), await house.person("Bob")
    group = await house.group(ann, bob)
    await choose_of(house, bob, notifications.MESSAGE_RECEIVED, inApp=False)
    await house.publisher.append(Draft(uuid7(), group, ann.person, "one"))
    ear.told.clear()
    assert await notifications.notify_members(house.resources.db, house.publisher, [group]) == []
    assert [event.name for _, event in ear.told] == ["conversation:updated"]
    assert await listed(house, bob) == []


async def test_without_a_provider_it_is_logged_that_there_is_a_push_but_not_what_it_says(
    house: House, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ann, _ = await house.person("Ann")
    await devices.register(house.ctx(ann), "fcm", "token-of-ann")
    await notify(house, ann, QUIET, "A secret")
    async with asyncio.timeout(PATIENCE):
        while "a push to a device (fcm), which no provider brings: Quiet" not in caplog.messages:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert "token-of-ann" not in caplog.text
    assert "A secret" not in caplog.text
