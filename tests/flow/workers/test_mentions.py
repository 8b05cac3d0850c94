"""Mentions that an edit changes: who is new among them is notified, who is gone no more, and all others hear nothing again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import pytest

from core.base import errors
from core.base.clock import now
from core.base.events import Event, Message, MessageEdited, NotificationChanged, NotificationNew
from core.base.ids import uuid7
from core.base.publisher import Draft, Stored
from core.chat import blocking, mutes
from core.limits import weights
from core.messages import editing, history, reading
from core.notifications import deliveries
from core.work.context import User
from realtime.gateway.limits import WEIGHTS
from realtime.wire import EditMessage, SendMessage
from tests.flow.api.conftest import Api
from tests.flow.conftest import Environment, at_bazaar
from tests.flow.workers.test_notifications import Recorder as Everything
from tests.flow.workers.test_notifications import inbox, notify, say

pytestmark = at_bazaar
CROWD = 101


class Recorder(Everything):
    """Hears what units of work emit, too."""

    def emit_encoded(self, user_ids: Sequence[UUID], name: str, payload: bytes) -> None:
        kinds: dict[str, type[Event]] = {one.name: one for one in (NotificationNew, NotificationChanged)}
        if kind := kinds.get(name):
            self.emit(user_ids, msgspec.json.decode(payload, type=kind))


@pytest.fixture
def recorder(env: Environment, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder(env, monkeypatch)
    monkeypatch.setattr(env.publisher, "emit_encoded", recorder.emit_encoded)
    return recorder


@dataclass
class Talk:
    """Ann writes to Bob and Eve, alone or among a hundred."""

    api: Api
    env: Environment
    recorder: Recorder
    ann: User
    bob: User
    eve: User
    room: UUID

    async def edit(self, stored: Stored, content: str, *mentioned: User) -> Message:
        return await editing.edit(self.env.ctx(self.ann), self.room, stored.id, content, [one.id for one in mentioned])

    async def read(self, *readers: User, up_to: Stored) -> None:
        for reader in readers:
            await reading.mark_read(self.env.ctx(reader), self.room, up_to.id)

    async def shown(self, who: User) -> list[str]:
        page = await inbox(self.api, self.env, who)
        return [one["message"] for one in page["notifications"] if not one["isRead"]]

    async def say(self, text: str, *mentioned: User) -> Stored:
        stored = await say(self.env, self.ann, self.room, text, *mentioned)
        await notify(self.env, self.room)
        return stored


@pytest.fixture(params=[3, CROWD], ids=["a few", "a crowd"])
async def talk(request: pytest.FixtureRequest, api: Api, env: Environment, recorder: Recorder) -> Talk:
    ann, bob, eve = [(await env.person(name))[0] for name in ("Ann", "Bob", "Eve")]
    others = [(await env.person(f"P{place}"))[0] for place in range(request.param - 3)]
    return Talk(api, env, recorder, ann, bob, eve, await env.group(ann, bob, eve, *others))


async def test_who_has_read_a_message_is_notified_once_when_an_edit_mentions_her(talk: Talk) -> None:
    stored = await talk.say("who can?")
    await talk.read(talk.bob, talk.eve, up_to=stored)
    talk.recorder.told.clear()
    edited = await talk.edit(stored, "Bob, can you?", talk.bob)
    assert edited.mentions == [talk.bob.id]
    assert talk.recorder.notified() == [talk.bob.id]
    assert await talk.shown(talk.bob) == ["Ann: Bob, can you?"]
    assert await talk.shown(talk.eve) == []
    await talk.edit(stored, "Bob, can you, please?", talk.bob, talk.eve)
    assert talk.recorder.notified() == [talk.eve.id], "Bob hears nothing again"
    assert await talk.shown(talk.bob) == ["Ann: Bob, can you, please?"]
    await editing.edit(talk.env.ctx(talk.ann), talk.room, stored.id, "Bob?")
    await notify(talk.env, talk.room)
    assert talk.recorder.notified() == [], "without the field the mentions stay"
    assert await talk.shown(talk.bob) == await talk.shown(talk.eve) == ["Ann: Bob?"]


async def test_it_is_read_with_what_comes_later_or_by_itself(talk: Talk) -> None:
    stored = await talk.say("who can?")
    await talk.read(talk.bob, talk.eve, up_to=stored)
    await talk.edit(stored, "Bob, Eve?", talk.bob, talk.eve)
    later = await talk.say("well?")
    await talk.read(talk.bob, up_to=later)
    assert await talk.shown(talk.bob) == []
    assert "Ann: Bob, Eve?" in await talk.shown(talk.eve)


async def test_who_has_not_read_it_is_notified_as_of_a_new_message(talk: Talk) -> None:
    stored = await talk.say("who can?")
    talk.recorder.told.clear()
    await talk.edit(stored, "Bob, can you?", talk.bob)
    await notify(talk.env, talk.room)
    assert talk.recorder.notified() == [talk.bob.id]
    assert await talk.shown(talk.bob) == ["Ann: Bob, can you?"]
    await talk.read(talk.bob, up_to=stored)
    assert await talk.shown(talk.bob) == []


async def test_who_is_mentioned_no_more_loses_what_she_has_not_read_of_it(talk: Talk) -> None:
    stored = await talk.say("who can?")
    await talk.read(talk.bob, talk.eve, up_to=stored)
    await talk.edit(stored, "Bob, Eve?", talk.bob, talk.eve)
    talk.recorder.told.clear()
    await talk.edit(stored, "Eve?", talk.eve)
    assert await talk.shown(talk.bob) == []
    assert await talk.shown(talk.eve) == ["Ann: Eve?"]
    assert (talk.bob.id, NotificationChanged(conversation_id=talk.room)) in talk.recorder.told
    await editing.delete(talk.env.ctx(talk.ann), talk.room, stored.id)
    assert await talk.shown(talk.eve) == []
    assert (await history.get(talk.env.ctx(talk.ann), talk.room, stored.id)).mentions == []
    assert await talk.env.resources.db.fetchval("select count(*) from mentions") == 0


@pytest.mark.parametrize("talk", [CROWD], indirect=True)
@pytest.mark.parametrize("other", ["left", "read"])
async def test_in_a_crowd_what_was_sent_with_a_mention_goes_with_it_unless_another_one_is_unread(
    talk: Talk, other: str
) -> None:
    first = await talk.say("Bob, one", talk.bob)
    second = await talk.say("Bob, two", talk.bob)
    if other == "read":
        await talk.read(talk.bob, up_to=first)
    await talk.edit(second, "two")
    assert await talk.shown(talk.bob) == (["Ann: two"] if other == "left" else [])
    await editing.delete(talk.env.ctx(talk.ann), talk.room, first.id)
    assert await talk.shown(talk.bob) == []


@pytest.mark.parametrize("talk", [3], indirect=True)
async def test_in_a_small_conversation_members_are_notified_with_and_without_a_mention(talk: Talk) -> None:
    stored = await talk.say("Bob?", talk.bob)
    await talk.edit(stored, "well?")
    assert await talk.shown(talk.bob) == ["Ann: well?"]


@pytest.mark.parametrize("how", ["blocked", "muted", "conversation muted", "left"])
async def test_a_user_who_switched_a_type_off_is_not_notified(talk: Talk, how: str) -> None:
    stored = await talk.say("who can?")
    await talk.read(talk.bob, up_to=stored)
    bob = talk.env.ctx(talk.bob)
    quiet: dict[str, Callable[[], Awaitable[Any]]] = {
        "blocked": lambda: blocking.block(bob, talk.ann.id),
        "muted": lambda: mutes.mute_user(bob, talk.ann.id, None),
        "conversation muted": lambda: mutes.mute_conversation(bob, talk.room, None),
        "left": lambda: talk.env.resources.db.execute(
            "update members set left_at = now() where user_id = $1", talk.bob.id
        ),
    }
    await quiet[how]()
    talk.recorder.told.clear()
    if how == "left":
        with pytest.raises(errors.AppError, match="VALIDATION_ERROR"):
            await talk.edit(stored, "Bob?", talk.bob)
    else:
        assert (await talk.edit(stored, "Bob?", talk.bob)).mentions == [talk.bob.id]
    assert talk.recorder.notified() == []
    assert await talk.shown(talk.bob) == []


async def test_who_was_mentioned_and_has_left_may_stay_so(talk: Talk) -> None:
    stored = await talk.say("Bob?", talk.bob)
    await talk.env.resources.db.execute("update members set left_at = now() where user_id = $1", talk.bob.id)
    assert (await talk.edit(stored, "Bob, Eve?", talk.bob, talk.eve)).mentions == sorted([talk.bob.id, talk.eve.id])


async def test_two_edits_at_once_notify_each_new_mention_once(talk: Talk) -> None:
    stored = await talk.say("who can?")
    await talk.read(talk.bob, talk.eve, up_to=stored)
    talk.recorder.told.clear()
    await asyncio.gather(
        *(talk.edit(stored, "Bob, Eve?", talk.bob, talk.eve) for _ in range(3)),
        *(talk.edit(stored, "Bob?", talk.bob) for _ in range(3)),
    )
    heard = talk.recorder.notified()
    assert heard.count(talk.bob.id) == 1
    after = await history.get(talk.env.ctx(talk.ann), talk.room, stored.id)
    assert (after.mentions == [talk.bob.id]) == (await talk.shown(talk.eve) == [])


@pytest.mark.parametrize("talk", [3], indirect=True)
async def test_the_same_edit_again_changes_nothing_and_one_of_mentions_only_is_a_version(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = await talk.say("Bob?")
    told: list[Any] = []
    monkeypatch.setattr(talk.env.publisher, "changed", lambda *change: told.append(change))
    first = await talk.edit(stored, "Bob?", talk.bob)
    again = await talk.edit(stored, "Bob?", talk.bob, talk.bob)
    assert (first.version, first.is_edited, first) == (stored.version + 1, True, again)
    assert told == [(talk.room, first.version, MessageEdited(first, talk.room))]
    page, _ = await history.page(talk.env.ctx(talk.eve), talk.room, None, 1)
    assert page == [first]


@pytest.mark.parametrize("talk", [3], indirect=True)
@pytest.mark.parametrize("then", ["edited", "mentions only", "deleted"])
async def test_a_repeated_send_is_compared_with_the_mentions_that_it_had_first(talk: Talk, then: str) -> None:
    def send(*mentioned: User) -> Awaitable[Stored]:
        ids = tuple(one.id for one in mentioned)
        return talk.env.publisher.append(Draft(uuid7(), talk.room, talk.ann.person, "Bob?", "one", mentions=ids))

    first = await send(talk.bob)
    if then == "deleted":
        await editing.delete(talk.env.ctx(talk.ann), talk.room, first.id)
    else:
        await talk.edit(first, "Eve!" if then == "edited" else "Bob?", talk.eve)
        await talk.edit(first, "Nobody")
    repeat = await send(talk.bob)
    assert (repeat.id, repeat.seq, repeat.duplicate) == (first.id, first.seq, True)
    for other in ((), (talk.eve,), (talk.bob, talk.eve)):
        with pytest.raises(errors.AppError) as refused:
            await send(*other)
        assert refused.value.kind is errors.IDEMPOTENCY_KEY_REUSED


@pytest.mark.parametrize("talk", [3], indirect=True)
async def test_a_device_is_pushed_to_again_and_no_second_mail_goes_out(talk: Talk) -> None:
    db = talk.env.resources.db
    await db.execute(
        "insert into devices (id, user_id, session_id, platform, token, created_at) values ($1, $2, $3, 'fcm', 'x', $4)",
        uuid7(), talk.bob.id, talk.bob.session_id, now(),
    )  # fmt: skip
    await db.execute(
        "insert into notification_preferences (user_id, type, email) values ($1, 'message_received', true)", talk.bob.id
    )
    stored = await talk.say("who can?")
    (id,) = [row["id"] for row in await db.fetch("select id from notifications where user_id = $1", talk.bob.id)]

    async def claimed() -> list[tuple[bool, int]]:
        rows = await deliveries.CLAIM(db, [id], False, True, now())
        return [(row.mail, len(row.devices)) for row in rows]

    assert await claimed() == [(True, 1)]
    await talk.edit(stored, "Bob?", talk.bob)
    assert await claimed() == [(False, 1)]


def test_an_edit_costs_what_a_send_does_with_as_many_mentions() -> None:
    assert WEIGHTS[EditMessage.name] == WEIGHTS[SendMessage.name]
    assert weights.EDIT == weights.MESSAGE
