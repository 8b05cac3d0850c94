"""What is sealed is nowhere in the clear: not in Postgres, its backups, Redis, S3 or the log. What is not sealed is there."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from core.notifications.deliveries import Push
from core.work import outbox
from core.work.jobs import SendMail
from tests.flow.sealing.conftest import Bazaar, Room, until
from tests.flow.workers.conftest import Mailbox
from workers.app import open_worker
from workers.push import LoggedPush

PHONE = "2025550147"
ONCE = {"Idempotency-Key": "once"}


async def say_everything(room: Room) -> None:
    """Say, edit, delete and report messages, over the socket and over REST."""
    place, ann, bob = room.place, room.ann, room.bob
    socket = await room.joined(ann)
    await socket.send(room.uuid, place.mark("socket"))
    await room.say(ann, place.mark("rest"))
    gone = await room.say(ann, place.mark("deleted"))
    assert (await ann.delete(f"{room.path}/{gone['id']}")).status == 204
    reported = await room.say(ann, place.mark("reported"))
    assert (await bob.post(f"{room.path}/{reported['id']}/report", reason="spam", text="")).status == 201
    edited = await room.say(ann, place.mark("before an edit"))
    await room.read(bob, edited["id"])
    await room.edit(ann, edited["id"], content=place.mark("mention by an edit"), mentions=[bob.id])


async def ask_everything(room: Room) -> None:
    """Give away what is stored for a moment: in the outbox, in stored answers, in the queue, in codes."""
    place, listing = room.place, {"title": room.place.mark("stored answer"), "price_cents": 1}
    answers = [await room.ann.call("POST", "/listings", json=listing, headers=ONCE) for _ in range(2)]
    assert answers[0].body == answers[1].body
    assert answers[0].status == 201
    await place.env.resources.db.execute("update bazaar.listings set title = ''")
    new_email = f"{place.mark('new address')}@example.com"
    assert (await room.ann.post("/auth/email", new_email=new_email)).status == 200
    assert (await place.api.anyone.post("/auth/otp/send", phone=f"+1{PHONE}")).status == 200
    place.marks["phone"] = PHONE
    await place.env.resources.jobs.enqueue(SendMail("eve@example.com", "Hello", place.mark("queued mail")))


@pytest.mark.parametrize("place", [True, False], ids=["sealed", "in the clear"], indirect=True)
async def test_a_dump_says_nothing_of_what_is_sealed_and_all_of_what_is_not(
    place: Bazaar,
    mailbox: Mailbox,
    texts: asyncio.Queue[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "perform", is_away)
        room = await Room.of(place)
        await say_everything(room)
        await ask_everything(room)
        assert await place.env.resources.db.fetchval("select count(*) from outbox where effects <> ''") > 3
    before = await place.found()
    assert before.keys() == (set() if place.is_sealed else place.marks.keys())
    if not place.is_sealed:
        assert {"messages", "backup"} <= before["rest"]
        assert "outbox" in before["mention by an edit"]
        assert before["stored answer"] == {"idempotency_keys", "backup"}

    pushed: list[str] = []
    monkeypatch.setattr(LoggedPush, "send", lambda _provider, push: note(pushed, push))
    monkeypatch.setattr(outbox, "OVERDUE", timedelta(0))
    await room.wants_all(room.bob)
    db = place.env.resources.db
    async with open_worker(place.env.settings, place.env.resources, place.env.publisher):
        assert (await asyncio.wait_for(texts.get(), 20))[0] == f"+1{PHONE}"
        await room.say(room.ann, place.mark("last"))
        while place.marks["last"] not in (await mailbox.next()).get_content():
            pass
        await until(lambda: is_in(pushed, place.marks["last"]))
        mailbox.refusals.append("550 no")
        await place.env.resources.jobs.enqueue(SendMail("eve@example.com", "Hello", place.mark("dead mail")))
        await until(lambda: db.fetchval("select count(*) > 0 from dead_jobs"))
        await until(lambda: db.fetchval("select count(*) = 0 from outbox"))
    after = await place.found()
    if place.is_sealed:
        assert after == {}
    else:
        assert {"last", "rest", "new address", "address of ann"} <= after.keys()
    caplog.clear()  # that a job is dead is an error


async def is_away(*_: Any) -> None:
    raise RedisConnectionError


async def note(pushed: list[str], push: Push) -> None:
    pushed.append(push.message)


async def is_in(pushed: list[str], text: str) -> bool:
    return any(text in one for one in pushed)
