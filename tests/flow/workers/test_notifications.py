"""Members are notified of new messages: one unread notification per conversation, pushed to sockets and stored."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from core.base import clock
from core.base.events import ConversationUpdated, Event, NotificationNew
from core.base.ids import uuid7
from core.base.publisher import Draft, Stored
from core.chat import groups
from core.messages import messages
from core.notifications.notifications import notify_members, written_since
from core.work.context import User
from core.work.jobs import NotifyMembers
from tests.flow.api.conftest import Api, Caller
from tests.flow.conftest import PATIENCE, House
from workers.app import Worker


class Ear:
    """What was emitted, to whom."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: list[tuple[UUID, Event]] = []
        self.news = asyncio.Event()
        monkeypatch.setattr(house.publisher, "emit", self.emit)

    def emit(self, user_ids: Sequence[UUID], event: Event) -> None:
        self.told += [(user_id, event) for user_id in user_ids]
        self.news.set()

    def notified(self) -> list[UUID]:
        """Return who was notified, and forget it."""
        users = [user_id for user_id, event in self.told if isinstance(event, NotificationNew)]
        self.told.clear()
        return users


@pytest.fixture
def ear(house: House, monkeypatch: pytest.MonkeyPatch) -> Ear:
    return Ear(house, monkeypatch)


async def say(house: House, who: User, conversation_id: UUID, text: str, *mentions: User) -> Stored:
    ids = tuple(user.id for user in mentions)
    return await house.publisher.append(Draft(uuid7(), conversation_id, who.person, text, mentions=ids))


async def notify(house: House, *conversation_ids: UUID) -> None:
    await notify_members(house.resources.db, house.publisher, conversation_ids)


async def inbox(api: Api, house: House, who: User, **query: str) -> Any:
    caller = Caller(api.client, access_token=house.token(who))
    return (await caller.get("/notifications", **query)).body


async def test_new_messages_are_one_unread_notification_that_follows_the_latest(
    api: Api, house: House, ear: Ear
) -> None:
    (ann, _), (bob, _) = await house.person("Ann"), await house.person("Bob")
    group = await house.group(ann, bob)
    await say(house, ann, group, "first")
    await notify(house, group)
    last = await say(house, ann, group, "x" * 200)
    await notify(house, group)
    page = await inbox(api, house, bob)
    (shown,) = page["notifications"]
    assert shown == {
        "id": shown["id"],
        "type": "message_received",
        "title": "New message",
        "message": "Ann: " + "x" * 140,
        "entityType": "message",
        "entityId": str(last.id),
        "isRead": False,
        "createdAt": shown["createdAt"],
    }
    assert UUID(shown["id"]).version == 7
    assert (page["unreadCount"], page["pagination"]["total"]) == (1, 1)
    assert (await inbox(api, house, ann))["notifications"] == [], "not of one's own messages"


async def test_sockets_are_told_the_notification_and_the_state_of_the_conversation(house: House, ear: Ear) -> None:
    (ann, _), (bob, _) = await house.person("Ann"), await house.person("Bob")
    group = await house.group(ann, bob)
    await say(house, ann, group, "first")
    second = await say(house, ann, group, "second")
    ear.told.clear()
    await notify(house, group)
    notification, update = ear.told
    assert (notification[0], update[0]) == (bob.id, bob.id)
    assert isinstance(notification[1], NotificationNew)
    assert notification[1].notification.message == "Ann: second"
    assert update[1] == ConversationUpdated(group, 2, 2, second.id, second.sent_at, "second", ann.person)


async def test_the_same_state_is_told_once_however_often_the_job_runs(house: House, ear: Ear) -> None:
    (ann, _), (bob, _) = await house.person("Ann"), await house.person("Bob")
    group = await house.group(ann, bob)
    await say(house, ann, group, "hello")
    ear.told.clear()
    await asyncio.gather(*(notify(house, group) for _ in range(5)))
    await notify(house, group)
    assert ear.notified() == [bob.id]


async def test_what_has_been_read_is_not_told_and_no_longer_unread(api: Api, house: House, ear: Ear) -> None:
    (ann, _), (bob, token) = await house.person("Ann"), await house.person("Bob")
    group = await house.group(ann, bob)
    first = await say(house, ann, group, "first")
    await notify(house, group)
    reader = Caller(api.client, access_token=token)
    await reader.put(f"/conversations/{group}/read", messageId=str(first.id))
    page = await inbox(api, house, bob)
    assert (page["unreadCount"], page["notifications"][0]["isRead"]) == (0, True)
    ear.told.clear()
    await notify(house, group)
    assert ear.notified() == []
    await say(house, ann, group, "second")
    await notify(house, group)
    page = await inbox(api, house, bob)
    assert (page["unreadCount"], page["notifications"][0]["message"]) == (1, "Ann: second")


async def test_a_notification_that_was_marked_read_comes_back_with_a_new_message_only(
    api: Api, house: House, ear: Ear
) -> None:
    (ann, _), (bob, token) = await house.person("Ann"), await house.person("Bob")
    group = await house.group(ann, bob)
    reader = Caller(api.client, access_token=token)
    await say(house, ann, group, "first")
    await notify(house, group)
    (first,) = (await inbox(api, house, bob))["notifications"]
    assert (await reader.put(f"/notifications/{first['id']}/read")).status == 204
    await notify(house, group)
    assert (await inbox(api, house, bob))["unreadCount"] == 0
    await say(house, ann, group, "second")
    await notify(house, group)
    unread = await inbox(api, house, bob, isRead="false")
    assert [one["message"] for one in unread["notifications"]] == ["Ann: second"]
    assert (unread["unreadCount"], unread["pagination"]["total"]) == (1, 1)
    read = await inbox(api, house, bob, isRead="true")
    assert [one["id"] for one in read["notifications"]] == [first["id"]]
    assert (await reader.put("/notifications/read-all")).status == 204
    assert (await inbox(api, house, bob))["unreadCount"] == 0


async def test_nobody_marks_the_notifications_of_others(api: Api, house: House, ear: Ear) -> None:
    (ann, token), (bob, _) = await house.person("Ann"), await house.person("Bob")
    group = await house.group(ann, bob)
    await say(house, ann, group, "first")
    await notify(house, group)
    (shown,) = (await inbox(api, house, bob))["notifications"]
    other = Caller(api.client, access_token=token)
    reply = await other.put(f"/notifications/{shown['id']}/read")
    assert (reply.status, reply.code) == (404, "NOTIFICATION_NOT_FOUND")
    await other.put("/notifications/read-all")
    assert (await inbox(api, house, bob))["unreadCount"] == 1


async def test_in_a_group_of_more_than_a_hundred_only_those_are_told_whom_an_unread_message_mentions(
    house: House, ear: Ear
) -> None:
    people = [(await house.person(f"P{number}"))[0] for number in range(102)]
    ann, bob, eve = people[:3]
    group = await house.group(ann, *people[1:])
    await say(house, ann, group, "hello all")
    await notify(house, group)
    assert ear.notified() == []
    await say(house, ann, group, "hello Bob", bob)
    await say(house, eve, group, "me too")
    await notify(house, group)
    assert ear.notified() == [bob.id]


async def test_a_member_who_left_and_a_deleted_text_are_not_told(house: House, ear: Ear) -> None:
    (ann, _), (bob, _), (eve, _) = [await house.person(name) for name in ("Ann", "Bob", "Eve")]
    group = await house.group(ann, bob, eve)
    stored = await say(house, ann, group, "a secret")
    await house.resources.db.execute("update members set left_at = now() where user_id = $1", eve.id)
    await house.resources.db.execute("update messages set body = '', deleted_at = now() where id = $1", stored.id)
    ear.told.clear()
    await notify(house, group)
    assert ear.told == []
    await say(house, ann, group, "no secret")
    await notify(house, group)
    assert ear.notified() == [bob.id]


async def test_what_the_list_says_of_new_messages_follows_edits_and_deletions(api: Api, house: House, ear: Ear) -> None:
    (ann, _), (bob, _) = await house.person("Ann"), await house.person("Bob")
    group = await house.group(ann, bob)
    first, second = await say(house, ann, group, "first"), await say(house, ann, group, "second")
    await notify(house, group)

    async def shown() -> list[tuple[str, str]]:
        return [(one["message"], one["entityId"]) for one in (await inbox(api, house, bob))["notifications"]]

    await messages.edit(house.ctx(ann), group, second.id, "better")
    assert await shown() == [("Ann: better", str(second.id))]
    await messages.delete(house.ctx(ann), group, second.id)
    assert await shown() == [("Ann: first", str(first.id))]
    ear.told.clear()
    await notify(house, group)
    assert ear.notified() == [], "the first has been told"
    await messages.delete(house.ctx(ann), group, first.id)
    page = await inbox(api, house, bob)
    assert (page["notifications"], page["unreadCount"], page["pagination"]["total"]) == ([], 0, 0)
    assert "first" not in str(await house.resources.db.fetch("select message, wording from notifications"))


async def test_what_is_told_of_a_conversation_is_gone_from_the_list_of_who_has_left_it(
    api: Api, house: House, ear: Ear
) -> None:
    (ann, _), (bob, _) = await house.person("Ann"), await house.person("Bob")
    group = await house.group(ann, bob)
    await say(house, ann, group, "first")
    await notify(house, group)
    await groups.remove(house.ctx(bob), group, bob.id)
    page = await inbox(api, house, bob)
    assert (page["notifications"], page["unreadCount"]) == ([], 0)


async def test_many_conversations_are_told_at_once_and_concurrently_without_a_deadlock(house: House, ear: Ear) -> None:
    people = [(await house.person(f"P{number}"))[0] for number in range(12)]
    groups = [await house.group(*people) for _ in range(60)]
    for group in groups:
        await say(house, people[0], group, "hello")
    ear.told.clear()
    backwards = list(reversed(groups))
    await asyncio.gather(notify(house, *groups), notify(house, *backwards), notify(house, *groups[30:]))
    told = ear.notified()
    assert len(told) == 60 * 11
    assert set(told) == {person.id for person in people[1:]}


async def test_the_worker_notifies_when_it_is_asked_to(house: House, ear: Ear, worker: Worker) -> None:
    (ann, _), (bob, _) = await house.person("Ann"), await house.person("Bob")
    group = await house.group(ann, bob)
    await say(house, ann, group, "hello")
    ear.news.clear()
    await house.resources.jobs.enqueue(NotifyMembers([str(group)]))
    async with asyncio.timeout(PATIENCE):
        while not (told := ear.notified()):
            ear.news.clear()
            await ear.news.wait()
    assert told == [bob.id]


async def test_the_sweep_finds_what_was_written_since_a_moment(house: House) -> None:
    (ann, _), (bob, _) = await house.person("Ann"), await house.person("Bob")
    group = await house.group(ann, bob)
    await say(house, ann, group, "hello")
    assert await written_since(house.resources.db, clock.now() - timedelta(seconds=30)) == [group]
    assert await written_since(house.resources.db, clock.now() + timedelta(seconds=1)) == []
