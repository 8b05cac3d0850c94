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
from tests.flow.conftest import House
from tests.flow.workers.test_notifications import Ear


@pytest.fixture
def ear(house: House, monkeypatch: pytest.MonkeyPatch) -> Ear:
    return Ear(house, monkeypatch)


async def say(house: House, who: User, group: UUID, text: str) -> list[UUID]:
    """Say something, notify, and return which notifications go out."""
    await house.publisher.append(Draft(uuid7(), group, who.person, text))
    return await notifications.notify_members(house.resources.db, house.publisher, [group])


async def listed(house: House, user: User) -> list[str]:
    page = await notifications.list_of_user(house.ctx(user), None, CursorQuery())
    return [one.message for one in page.notifications if one.type == "message_received"]


Quieten = Callable[[House, User, User, UUID], Awaitable[None]]


async def mute_user(house: House, ann: User, bob: User, _group: UUID) -> None:
    await mutes.mute_user(house.ctx(ann), bob.id, None)


async def mute_group(house: House, ann: User, _bob: User, group: UUID) -> None:
    await mutes.mute_conversation(house.ctx(ann), group, clock.now() + timedelta(hours=1))


async def block(house: House, ann: User, bob: User, _group: UUID) -> None:
    await blocking.block(house.ctx(ann), bob.id)


@pytest.mark.parametrize("quieten", [mute_user, mute_group, block])
async def test_nothing_is_listed_or_goes_out_and_what_was_queued_before_does_not_leave(
    house: House, ear: Ear, quieten: Quieten
) -> None:
    ann, bob, eve = [(await house.person(name))[0] for name in ("Ann", "Bob", "Eve")]
    group = await house.group(ann, bob, eve)
    for user in (ann, eve):
        change = PreferenceChange("message_received", email=True)
        await choose(house.ctx(user), [notifications.MESSAGE_RECEIVED], [change])
    before = await say(house, bob, group, "before")
    mails = [await deliveries.MAIL(house.resources.db, id, None) for id in before]
    assert {mail.email for mail in mails if mail} == {ann.email, eve.email}

    await quieten(house, ann, bob, group)
    mails = [await deliveries.MAIL(house.resources.db, id, None) for id in before]
    assert [mail.email for mail in mails if mail] == [eve.email], "it was on its way"
    ear.told.clear()
    after = await say(house, bob, group, "after")
    assert (await listed(house, ann), await listed(house, eve)) == ([], ["Bob: after"])
    assert len(after) == 1
    updated = [user for user, event in ear.told if event.name == "conversation:updated"]
    assert set(updated) == {ann.id, eve.id}, "the list of conversations goes on"


async def test_a_mute_ends_by_itself_or_when_it_is_taken_back(house: House) -> None:
    ann, bob = [(await house.person(name))[0] for name in ("Ann", "Bob")]
    group = await house.group(ann, bob)
    await mutes.mute_conversation(house.ctx(ann), group, clock.now() + timedelta(hours=1))
    await mutes.mute_user(house.ctx(ann), bob.id, None)
    await say(house, bob, group, "one")
    assert await listed(house, ann) == []
    await house.resources.db.execute("update mutes set until = now() where kind = 'conversation'")
    await mutes.unmute(house.ctx(ann), "user", bob.id)
    await say(house, bob, group, "two")
    assert await listed(house, ann) == ["Bob: two"]
    assert await mutes.FORGET(house.resources.db, clock.now(), 100) == 1


async def test_a_muted_member_who_speaks_after_another_one_neither_hides_nor_repeats_her_message(house: House) -> None:
    ann, bob, eve = [(await house.person(name))[0] for name in ("Ann", "Bob", "Eve")]
    group = await house.group(ann, bob, eve)
    await mutes.mute_user(house.ctx(ann), bob.id, None)
    await say(house, eve, group, "news")
    pushed_at = await house.resources.db.fetchval(
        "update notifications set pushed_at = now() where user_id = $1 returning pushed_at", ann.id
    )
    await say(house, bob, group, "noise")
    assert await listed(house, ann) == ["Eve: news"]
    assert (
        await house.resources.db.fetchval("select pushed_at from notifications where user_id = $1", ann.id) == pushed_at
    )
    await say(house, eve, group, "more news")
    assert await listed(house, ann) == ["Eve: more news"]
    assert await house.resources.db.fetchval("select pushed_at from notifications where user_id = $1", ann.id) is None
