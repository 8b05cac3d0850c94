"""Mails and pushes of messages say what is true when they leave: also those that their server did not take at first."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import msgspec
import pytest

from core.base.ids import uuid7
from core.base.publisher import Draft
from core.chat import groups
from core.messages import editing, reading
from core.notifications import deliveries, devices
from core.notifications.notifications import MESSAGE_RECEIVED, mark_all_read
from core.notifications.preferences import PreferenceChange, choose
from core.work.context import User
from core.work.jobs import NotifyMembers
from tests.flow.conftest import PATIENCE, Environment
from tests.flow.workers.conftest import Mailbox
from tests.flow.workers.test_sending_out import quiet
from workers import running
from workers.app import Worker


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon."""
    monkeypatch.setattr(running, "RETRY_SECONDS", (0.01, 0.01, 0.01, 0.01))


@dataclass
class Talk:
    """Ann talks to Bob, who wants mails."""

    env: Environment
    mailbox: Mailbox
    worker: Worker
    ann: User
    bob: User
    room: UUID

    async def say(self, text: str) -> UUID:
        """Say something, and have it notified."""
        stored = await self.env.publisher.append(Draft(uuid7(), self.room, self.ann.person, text))
        await self.env.resources.jobs.enqueue(NotifyMembers([str(self.room)]))
        return stored.id

    async def settle(self) -> None:
        await quiet(self.env, self.worker)

    @asynccontextmanager
    async def server_away(self) -> AsyncIterator[None]:
        """Have the mail that leaves now come back, after what is done meanwhile."""
        self.mailbox.refusals.append("451 later")
        self.mailbox.open.clear()
        self.mailbox.asked.clear()
        yield
        self.mailbox.open.set()
        await self.settle()

    async def asked(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.mailbox.asked.wait()

    async def next_text(self) -> str:
        text: str = (await self.mailbox.next()).get_content()
        return text.splitlines()[0]


@pytest.fixture
async def talk(env: Environment, mailbox: Mailbox, worker: Worker) -> Talk:
    (ann, _), (bob, _) = await env.person("Ann"), await env.person("Bob")
    change = msgspec.convert({"type": MESSAGE_RECEIVED.type, "email": True}, PreferenceChange)
    await choose(env.ctx(bob), [change])
    return Talk(env, mailbox, worker, ann, bob, await env.group(ann, bob))


async def test_three_messages_each_read_in_between_are_three_mails(talk: Talk) -> None:
    ids = set()
    for text in ("one", "two", "three"):
        id = await talk.say(text)
        mail = await talk.mailbox.next()
        assert f"Ann: {text}" in mail.get_content()
        ids.add(mail["Message-ID"])
        await reading.mark_read(talk.env.ctx(talk.bob), talk.room, id)
    assert len(ids) == 3, "or mail programs would show one"


async def test_three_messages_that_are_not_read_are_one_mail(talk: Talk) -> None:
    for text in ("one", "two", "three"):
        await talk.say(text)
        await talk.settle()
    assert await talk.next_text() == "Ann: one"
    assert talk.mailbox.mails.empty()


async def read(talk: Talk, id: UUID) -> None:
    await reading.mark_read(talk.env.ctx(talk.bob), talk.room, id)


async def mark_notices(talk: Talk, _id: UUID) -> None:
    await mark_all_read(talk.env.ctx(talk.bob))


async def delete(talk: Talk, id: UUID) -> None:
    await editing.delete(talk.env.ctx(talk.ann), talk.room, id)


async def leave(talk: Talk, _id: UUID) -> None:
    await groups.remove(talk.env.ctx(talk.bob), talk.room, talk.bob.id)


async def erase(talk: Talk, _id: UUID) -> None:
    await talk.env.resources.db.execute("update users set deleted_at = now() where id = $1", talk.bob.id)


async def want_no_more(talk: Talk, _id: UUID) -> None:
    change = msgspec.convert({"type": MESSAGE_RECEIVED.type, "email": False, "push": False}, PreferenceChange)
    await choose(talk.env.ctx(talk.bob), [change])


GONE = (read, mark_notices, delete, leave, erase, want_no_more)
gone_by = pytest.mark.parametrize("happens", GONE, ids=lambda happens: happens.__name__)


@gone_by
async def test_nothing_is_mailed_that_is_no_news_any_more_at_the_next_try(
    talk: Talk, happens: Callable[[Talk, UUID], Awaitable[None]]
) -> None:
    async with talk.server_away():
        id = await talk.say("hello")
        await talk.asked()
        await happens(talk, id)
    assert (await talk.mailbox.next_answer(), talk.mailbox.mails.empty()) == ("451 later", True)


async def test_the_next_try_says_what_an_edited_message_says_now(talk: Talk) -> None:
    async with talk.server_away():
        id = await talk.say("helo")
        await talk.asked()
        await editing.edit(talk.env.ctx(talk.ann), talk.room, id, "hello")
    assert await talk.next_text() == "Ann: hello"


async def test_a_message_after_one_that_was_deleted_before_it_was_mailed_is_mailed(talk: Talk) -> None:
    async with talk.server_away():
        id = await talk.say("wrong room")
        await talk.asked()
        await delete(talk, id)
    await talk.say("right room")
    assert await talk.next_text() == "Ann: right room"


async def test_a_mail_that_was_put_off_and_overtaken_by_a_later_one_goes_out_once(talk: Talk) -> None:
    async with talk.server_away():
        id = await talk.say("one")
        await talk.asked()
        await read(talk, id)
        await talk.say("two")
    assert await talk.next_text() == "Ann: two"
    await talk.settle()
    assert talk.mailbox.mails.empty()


@gone_by
async def test_nothing_is_pushed_that_is_no_news_any_more(
    talk: Talk, happens: Callable[[Talk, UUID], Awaitable[None]]
) -> None:
    device = await devices.register(talk.env.ctx(talk.bob), "fcm", "token")
    id = await talk.say("hello")
    await talk.settle()
    db = talk.env.resources.db
    notification_id = await db.fetchval("select id from notifications")
    before = await deliveries.PUSH(db, notification_id, device.id)
    assert before
    assert before.message == "Ann: hello"
    await happens(talk, id)
    assert await deliveries.PUSH(db, notification_id, device.id) is None
