"""A unit of work: all of it is committed and told, or none."""

from datetime import timedelta
from typing import ClassVar
from uuid import UUID

import msgspec
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from core.base import clock
from core.base.events import Event
from core.base.ids import uuid7
from core.chat import conversations
from core.work import outbox
from core.work.context import Ctx
from core.work.jobs import NotifyMembers
from core.work.notices import Notice
from core.work.unit_of_work import unit_of_work
from tests.flow.conftest import Chatter, Environment

LATE = Notice("late", "Late", "{task} is late", "task")


class Waved(Event, frozen=True):
    name: ClassVar[str] = "waved"
    hand: str


async def waiting(env: Environment) -> int:
    """Return how many transactions have not been told."""
    return int(await env.resources.db.fetchval("select count(*) from outbox"))


@pytest.fixture
async def ann(env: Environment, hub: str) -> Chatter:
    return await (await env.chatter("Ann", hub)).connect()


async def test_effects_are_performed_after_the_commit_and_leave_the_outbox(env: Environment, ann: Chatter) -> None:
    async with unit_of_work(env.ctx(ann.user)) as work:
        work.emit([ann.user.id], Waved("left"))
    assert await ann.heard.next("waved") == {"hand": "left"}
    assert await waiting(env) == 0


async def test_of_a_unit_that_fails_nothing_is_kept_and_nothing_told(env: Environment, ann: Chatter) -> None:
    async def fail(ctx: Ctx) -> None:
        async with unit_of_work(ctx) as work:
            await work.notify(LATE, [ann.user.id], None, task="Cut")
            await work.record("task.delete", None)
            work.emit([ann.user.id], Waved("left"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail(env.ctx(ann.user))
    async with unit_of_work(env.ctx(ann.user)) as work:
        work.emit([ann.user.id], Waved("right"))
    assert await ann.heard.next("waved") == {"hand": "right"}
    for table in ("notifications", "audit_log", "outbox"):
        assert await env.resources.db.fetchval(f"select count(*) from {table}") == 0, table


async def test_what_is_called_with_the_context_of_a_unit_fails_with_it(env: Environment, ann: Chatter) -> None:
    bob, _ = await env.person("Bob")

    async def fail(ctx: Ctx) -> None:
        async with unit_of_work(ctx) as work:
            _, created = await conversations.create_pair(work.ctx, bob.id)
            assert created
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail(env.ctx(ann.user))
    for table in ("conversations", "outbox"):
        assert await env.resources.db.fetchval(f"select count(*) from {table}") == 0, table


async def test_a_process_that_dies_between_commit_and_publishing_loses_nothing(
    env: Environment, ann: Chatter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(*_: object) -> None:
        raise RedisConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "perform", dies)
        async with unit_of_work(env.ctx(ann.user)) as work:
            work.emit([ann.user.id], Waved("left"))
            work.enqueue(NotifyMembers([]))
    assert await waiting(env) == 1
    assert await outbox.relay(env.resources, env.publisher) == 0, "whoever stored it may still be at it"
    in_a_minute = clock.now() + timedelta(minutes=1)
    monkeypatch.setattr(clock, "now", lambda: in_a_minute)
    assert await outbox.relay(env.resources, env.publisher) == 1
    assert await ann.heard.next("waved") == {"hand": "left"}
    assert await waiting(env) == 0


async def test_effects_of_a_newer_version_are_left_to_it_and_hold_up_no_others(env: Environment, ann: Chatter) -> None:
    known = msgspec.json.encode([outbox.event_effect("onswift", [ann.user.id], Waved("left"))]).decode()
    for effects, minutes in (('[{"type": "of_tomorrow"}]', 2), (known, 1)):
        await outbox.INSERT(env.resources.db, uuid7(), effects, clock.now() - timedelta(minutes=minutes))
    assert await outbox.relay(env.resources, env.publisher) == 1
    assert await ann.heard.next("waved") == {"hand": "left"}
    assert await waiting(env) == 1


async def test_a_nested_unit_of_work_performs_its_effects_with_the_outer_one(env: Environment, ann: Chatter) -> None:
    ctx = env.ctx(ann.user)
    async with unit_of_work(ctx) as outer:
        inner_ctx = Ctx(ctx.resources, ctx.publisher, ctx.policy, "test", caller=ann.user, work=outer)
        async with unit_of_work(inner_ctx) as inner:
            inner.emit([ann.user.id], Waved("left"))
        assert ann.heard.all("waved") == []
        assert await waiting(env) == 0
    assert await ann.heard.next("waved") == {"hand": "left"}


async def test_a_notice_is_stored_and_sent_except_to_the_user_who_caused_it(env: Environment, ann: Chatter) -> None:
    bob, _ = await env.person("Bob")
    entity = UUID(int=7)
    async with unit_of_work(env.ctx(bob)) as work:
        await work.notify(LATE, [ann.user.id, bob.id, ann.user.id], entity, task="Cut")
    told = (await ann.heard.next("notification:new"))["notification"]
    assert (told["type"], told["title"], told["message"]) == ("late", "Late", "Cut is late")
    assert (told["entityType"], told["entityId"], told["isRead"]) == ("task", str(entity), False)
    rows = await env.resources.db.fetch("select id, user_id from notifications")
    assert [(str(row["id"]), row["user_id"]) for row in rows] == [(told["id"], ann.user.id)]


async def test_the_audit_log_says_who_did_what(env: Environment) -> None:
    ann, _ = await env.person("Ann")
    async with unit_of_work(env.ctx(ann)) as work:
        await work.record("task.delete", UUID(int=7), name="Cut")
    row = await env.resources.db.fetchrow("select actor_id, action, entity_id, facts, request_id from audit_log")
    assert tuple(row) == (ann.id, "task.delete", UUID(int=7), {"name": "Cut"}, "test")
