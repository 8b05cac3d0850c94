"""Members are notified of new messages: one unread notification per conversation, pushed to sockets and stored."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from core.base import clock
from core.base.events import ConversationUpdated, Event, NotificationNew
from core.base.publisher import Draft, Stored
from core.chat import groups
from core.messages import editing
from core.notifications.notifications import notify_members, written_since
from core.work.context import User
from core.work.jobs import NotifyMembers
from tests.bazaar.words import WORDS
from tests.flow.api.conftest import Api, Caller
from tests.flow.conftest import PATIENCE, Environment
from workers.app import Worker


class Recorder:
    """What was emitted, to whom."""

    def __init__(self, env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: list[tuple[UUID, Event]] = []
        self.news = asyncio.Event()
        monkeypatch.setattr(env.publisher, "emit", self.emit)

    def emit(self, user_ids: Sequence[UUID], event: Event) -> None:
        self.told += [(user_id, event) for user_id in user_ids]
        self.news.set()

    def notified(self) -> list[UUID]:
        """Return who was notified, and forget it."""
        users = [user_id for user_id, event in self.told if isinstance(event, NotificationNew)]
        self.told.clear()
        return users


@pytest.fixture
def recorder(env: Environment, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    return Recorder(env, monkeypatch)


async def say(env: Environment, who: User, conversation_id: UUID, text: str, *mentions: User) -> Stored:
    ids = tuple(user.id for user in mentions)
    return await env.publisher.append(
        Draft(env.resources.ids.of(env.market), conversation_id, who.person, text, mentions=ids)
    )


async def notify(env: Environment, *conversation_ids: UUID) -> None:
    await notify_members(env.resources, env.publisher, conversation_ids)


async def inbox(api: Api, env: Environment, who: User, **query: str) -> Any:
    caller = replace(api.anyone, access_token=env.token(who))
    page = WORDS[env.market].answered((await caller.get("/notifications", **query)).body)
    assert "error" not in page, page
    return page if "notifications" in page else page | {"notifications": page["data"]}


async def test_new_messages_are_one_unread_notification_that_follows_the_latest(
    api: Api, env: Environment, recorder: Recorder
) -> None:
    (ann, _), (bob, _) = await env.person("Ann"), await env.person("Bob")
    group = await env.group(ann, bob)
    await say(env, ann, group, "first")
    await notify(env, group)
    last = await say(env, ann, group, "x" * 200)
    await notify(env, group)
    page = await inbox(api, env, bob)
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
    assert (await inbox(api, env, ann))["notifications"] == [], "not of one's own messages"


async def test_sockets_receive_the_notification_and_the_state_of_the_conversation(
    env: Environment, recorder: Recorder
) -> None:
    (ann, _), (bob, _) = await env.person("Ann"), await env.person("Bob")
    group = await env.group(ann, bob)
    await say(env, ann, group, "first")
    second = await say(env, ann, group, "second")
    recorder.told.clear()
    await notify(env, group)
    notification, update = recorder.told
    assert (notification[0], update[0]) == (bob.id, bob.id)
    assert isinstance(notification[1], NotificationNew)
    assert notification[1].notification.message == "Ann: second"
    assert update[1] == ConversationUpdated(group, 2, 2, second.id, second.sent_at, "second", ann.person)


async def test_the_same_state_is_published_once_however_often_the_job_runs(
    env: Environment, recorder: Recorder
) -> None:
    (ann, _), (bob, _) = await env.person("Ann"), await env.person("Bob")
    group = await env.group(ann, bob)
    await say(env, ann, group, "hello")
    recorder.told.clear()
    await asyncio.gather(*(notify(env, group) for _ in range(5)))
    await notify(env, group)
    assert recorder.notified() == [bob.id]


async def test_read_messages_are_not_notified_and_no_longer_unread(
    api: Api, env: Environment, recorder: Recorder
) -> None:
    (ann, _), (bob, token) = await env.person("Ann"), await env.person("Bob")
    group = await env.group(ann, bob)
    first = await say(env, ann, group, "first")
    await notify(env, group)
    reader = Caller(api.client, access_token=token)
    await reader.put(f"/conversations/{group}/read", messageId=str(first.id))
    page = await inbox(api, env, bob)
    assert (page["unreadCount"], page["notifications"][0]["isRead"]) == (0, True)
    recorder.told.clear()
    await notify(env, group)
    assert recorder.notified() == []
    await say(env, ann, group, "second")
    await notify(env, group)
    page = await inbox(api, env, bob)
    assert (page["unreadCount"], page["notifications"][0]["message"]) == (1, "Ann: second")


async def test_a_notification_that_was_marked_read_comes_back_with_a_new_message_only(
    api: Api, env: Environment, recorder: Recorder
) -> None:
    (ann, _), (bob, token) = await env.person("Ann"), await env.person("Bob")
    group = await env.group(ann, bob)
    reader = Caller(api.client, access_token=token)
    await say(env, ann, group, "first")
    await notify(env, group)
    (first,) = (await inbox(api, env, bob))["notifications"]
    assert (await reader.put(f"/notifications/{first['id']}/read")).status == 204
    await notify(env, group)
    assert (await inbox(api, env, bob))["unreadCount"] == 0
    await say(env, ann, group, "second")
    await notify(env, group)
    unread = await inbox(api, env, bob, isRead="false")
    assert [one["message"] for one in unread["notifications"]] == ["Ann: second"]
    assert (unread["unreadCount"], unread["pagination"]["total"]) == (1, 1)
    read = await inbox(api, env, bob, isRead="true")
    assert [one["id"] for one in read["notifications"]] == [first["id"]]
    assert (await reader.put("/notifications/read-all")).status == 204
    assert (await inbox(api, env, bob))["unreadCount"] == 0


async def test_nobody_marks_the_notifications_of_others(api: Api, env: Environment, recorder: Recorder) -> None:
    (ann, token), (bob, _) = await env.person("Ann"), await env.person("Bob")
    group = await env.group(ann, bob)
    await say(env, ann, group, "first")
    await notify(env, group)
    (shown,) = (await inbox(api, env, bob))["notifications"]
    other = Caller(api.client, access_token=token)
    reply = await other.put(f"/notifications/{shown['id']}/read")
    assert (reply.status, reply.code) == (404, "NOTIFICATION_NOT_FOUND")
    await other.put("/notifications/read-all")
    assert (await inbox(api, env, bob))["unreadCount"] == 1


async def test_in_a_group_of_more_than_a_hundred_only_those_are_told_whom_an_unread_message_mentions(
    env: Environment, recorder: Recorder
) -> None:
    people = [(await env.person(f"P{number}"))[0] for number in range(102)]
    ann, bob, eve = people[:3]
    group = await env.group(ann, *people[1:])
    await say(env, ann, group, "hello all")
    await notify(env, group)
    assert recorder.notified() == []
    await say(env, ann, group, "hello Bob", bob)
    await say(env, eve, group, "me too")
    await notify(env, group)
    assert recorder.notified() == [bob.id]


async def test_former_members_and_deleted_texts_are_not_notified(env: Environment, recorder: Recorder) -> None:
    (ann, _), (bob, _), (eve, _) = [await env.person(name) for name in ("Ann", "Bob", "Eve")]
    group = await env.group(ann, bob, eve)
    stored = await say(env, ann, group, "a secret")
    await env.resources.db.execute("update members set left_at = now() where user_id = $1", eve.id)
    await env.resources.db.execute("update messages set body = '', deleted_at = now() where id = $1", stored.id)
    recorder.told.clear()
    await notify(env, group)
    assert recorder.told == []
    await say(env, ann, group, "no secret")
    await notify(env, group)
    assert recorder.notified() == [bob.id]


async def test_what_the_list_says_of_new_messages_follows_edits_and_deletions(
    api: Api, env: Environment, recorder: Recorder
) -> None:
    (ann, _), (bob, _) = await env.person("Ann"), await env.person("Bob")
    group = await env.group(ann, bob)
    first, second = await say(env, ann, group, "first"), await say(env, ann, group, "second")
    await notify(env, group)

    async def shown() -> list[tuple[str, str]]:
        return [(one["message"], one["entityId"]) for one in (await inbox(api, env, bob))["notifications"]]

    await editing.edit(env.ctx(ann), group, second.id, "better")
    assert await shown() == [("Ann: better", str(second.id))]
    await editing.delete(env.ctx(ann), group, second.id)
    assert await shown() == [("Ann: first", str(first.id))]
    recorder.told.clear()
    await notify(env, group)
    assert recorder.notified() == [], "the first has been told"
    await editing.delete(env.ctx(ann), group, first.id)
    page = await inbox(api, env, bob)
    assert (page["notifications"], page["unreadCount"], page["pagination"]["total"]) == ([], 0, 0)
    assert "first" not in str(await env.resources.db.fetch("select message, wording from notifications"))


async def test_notifications_of_a_conversation_leave_the_list_of_users_who_left_it(
    api: Api, env: Environment, recorder: Recorder
) -> None:
    (ann, _), (bob, _) = await env.person("Ann"), await env.person("Bob")
    group = await env.group(ann, bob)
    await say(env, ann, group, "first")
    await notify(env, group)
    await groups.remove(env.ctx(bob), group, bob.id)
    page = await inbox(api, env, bob)
    assert (page["notifications"], page["unreadCount"]) == ([], 0)


async def test_many_conversations_are_told_at_once_and_concurrently_without_a_deadlock(
    env: Environment, recorder: Recorder
) -> None:
    people = [(await env.person(f"P{number}"))[0] for number in range(12)]
    groups = [await env.group(*people) for _ in range(60)]
    for group in groups:
        await say(env, people[0], group, "hello")
    recorder.told.clear()
    backwards = list(reversed(groups))
    await asyncio.gather(notify(env, *groups), notify(env, *backwards), notify(env, *groups[30:]))
    told = recorder.notified()
    assert len(told) == 60 * 11
    assert set(told) == {person.id for person in people[1:]}


async def test_the_worker_notifies_when_it_is_asked_to(env: Environment, recorder: Recorder, worker: Worker) -> None:
    (ann, _), (bob, _) = await env.person("Ann"), await env.person("Bob")
    group = await env.group(ann, bob)
    await say(env, ann, group, "hello")
    recorder.news.clear()
    await env.resources.jobs.enqueue(NotifyMembers([str(group)]))
    async with asyncio.timeout(PATIENCE):
        while not (told := recorder.notified()):
            recorder.news.clear()
            await recorder.news.wait()
    assert told == [bob.id]


async def test_the_sweep_finds_what_was_written_since_a_moment(env: Environment) -> None:
    (ann, _), (bob, _) = await env.person("Ann"), await env.person("Bob")
    group = await env.group(ann, bob)
    await say(env, ann, group, "hello")
    assert await written_since(env.resources.db, clock.now() - timedelta(seconds=30)) == [group]
    assert await written_since(env.resources.db, clock.now() + timedelta(seconds=1)) == []
