"""Of what is muted or blocked no notification, mail or push comes, though it had been queued before; messages do."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import pytest

from core.base import clock
from core.base.ids import uuid7
from core.base.paging import CursorQuery
from core.base.publisher import Draft
from core.chat import blocking, mutes
from core.notifications import deliveries, notifications
from core.notifications.preferences import PreferenceChange, choose
from core.work.context import User
from tests.flow.conftest import Environment, at_bazaar
from tests.flow.workers.test_notifications import Recorder

pytestmark = at_bazaar


@pytest.fixture
def recorder(env: Environment, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    return Recorder(env, monkeypatch)


async def say(env: Environment, who: User, group: UUID, text: str) -> list[UUID]:
    """Say something, notify, and return which notifications go out."""
    await env.publisher.append(Draft(uuid7(), group, who.person, text))
    return await notifications.notify_members(env.resources, env.publisher, [group])


async def listed(env: Environment, user: User) -> list[str]:
    page = await notifications.list_of_user(env.ctx(user), None, CursorQuery())
    return [one.message for one in page.notifications if one.type == "message_received"]


Quieten = Callable[[Environment, User, User, UUID], Awaitable[None]]


async def mute_user(env: Environment, ann: User, bob: User, _group: UUID) -> None:
    await mutes.mute_user(env.ctx(ann), bob.id, None)


async def mute_group(env: Environment, ann: User, _bob: User, group: UUID) -> None:
    await mutes.mute_conversation(env.ctx(ann), group, clock.now() + timedelta(hours=1))


async def block(env: Environment, ann: User, bob: User, _group: UUID) -> None:
    await blocking.block(env.ctx(ann), bob.id)


@pytest.mark.parametrize("quieten", [mute_user, mute_group, block])
async def test_nothing_is_listed_or_goes_out_and_what_was_queued_before_does_not_leave(
    env: Environment, recorder: Recorder, quieten: Quieten
) -> None:
    ann, bob, eve = [(await env.person(name))[0] for name in ("Ann", "Bob", "Eve")]
    group = await env.group(ann, bob, eve)
    for user in (ann, eve):
        change = PreferenceChange("message_received", email=True)
        await choose(env.ctx(user), [change])
    before = await say(env, bob, group, "before")
    mails = [await deliveries.MAIL(env.resources.db, id, None) for id in before]
    assert {mail.email for mail in mails if mail} == {ann.email, eve.email}

    await quieten(env, ann, bob, group)
    mails = [await deliveries.MAIL(env.resources.db, id, None) for id in before]
    assert [mail.email for mail in mails if mail] == [eve.email], "it was on its way"
    recorder.told.clear()
    after = await say(env, bob, group, "after")
    assert (await listed(env, ann), await listed(env, eve)) == ([], ["Bob: after"])
    assert len(after) == 1
    updated = [user for user, event in recorder.told if event.name == "conversation:updated"]
    assert set(updated) == {ann.id, eve.id}, "the list of conversations goes on"


async def test_a_mute_ends_by_itself_or_when_it_is_taken_back(env: Environment) -> None:
    ann, bob = [(await env.person(name))[0] for name in ("Ann", "Bob")]
    group = await env.group(ann, bob)
    await mutes.mute_conversation(env.ctx(ann), group, clock.now() + timedelta(hours=1))
    await mutes.mute_user(env.ctx(ann), bob.id, None)
    await say(env, bob, group, "one")
    assert await listed(env, ann) == []
    await env.resources.db.execute("update mutes set until = now() where kind = 'conversation'")
    await mutes.unmute(env.ctx(ann), "user", bob.id)
    await say(env, bob, group, "two")
    assert await listed(env, ann) == ["Bob: two"]
    assert await mutes.FORGET(env.resources.db, clock.now(), 100) == 1


async def test_a_muted_member_who_speaks_after_another_one_neither_hides_nor_repeats_her_message(
    env: Environment,
) -> None:
    ann, bob, eve = [(await env.person(name))[0] for name in ("Ann", "Bob", "Eve")]
    group = await env.group(ann, bob, eve)
    await mutes.mute_user(env.ctx(ann), bob.id, None)
    await say(env, eve, group, "news")
    pushed_at = await env.resources.db.fetchval(
        "update notifications set pushed_at = now() where user_id = $1 returning pushed_at", ann.id
    )
    await say(env, bob, group, "noise")
    assert await listed(env, ann) == ["Eve: news"]
    assert (
        await env.resources.db.fetchval("select pushed_at from notifications where user_id = $1", ann.id) == pushed_at
    )
    await say(env, eve, group, "more news")
    assert await listed(env, ann) == ["Eve: more news"]
    assert await env.resources.db.fetchval("select pushed_at from notifications where user_id = $1", ann.id) is None
