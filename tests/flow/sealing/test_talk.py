"""People notice nothing of it that their messages are sealed, but that they cannot search in them."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from core.messages import search
from core.messages.sending import NewMessage
from core.notifications.notifications import notify_members
from core.platform.sealing.sealing import MARK, UNREADABLE, Sealing
from core.privacy import erasure
from core.reports import page
from core.work import idempotency, outbox
from core.work.jobs import SendMail, open_jobs
from core.work.outbox import relay
from core.work.policy import Policy
from tests.flow.sealing.conftest import Bazaar, Room
from tests.flow.workers.conftest import Mailbox
from workers.app import open_worker


async def test_messages_are_read_in_all_ways_as_they_were_written(place: Bazaar) -> None:
    room = await Room.of(place)
    socket = await room.joined(room.bob)
    long = "x" * 500
    said = await room.say(room.ann, "first", client_id="1")
    assert (await room.say(room.ann, "first", client_id="1"))["id"] == said["id"], "a repeat"
    other = await room.ann.post(room.path, content="other", client_id="1")
    assert other.code == "IDEMPOTENCY_KEY_REUSED"
    await room.edit(room.ann, said["id"], content="edited")
    again = await room.edit(room.ann, said["id"], content="edited")
    assert again.body["data"]["version"] == 2, "an edit to the same text is none"
    assert (await room.say(room.ann, "first", client_id="1"))["content"] == "edited", "a repeat after the edit"
    await room.say(room.ann, long)
    assert (await socket.heard.next("message:received"))["message"]["content"] == "first"
    assert (await socket.heard.next("message:edited"))["message"]["content"] == "edited"
    assert await room.texts(room.bob) == ["edited", long]
    (listed,) = (await room.bob.get("/conversations")).body["data"]
    assert listed["last_message"]["content"] == long
    ctx = place.ctx(room.bob)
    await notify_members(ctx.resources, ctx.publisher, [room.uuid])
    (notice,) = (await room.bob.get("/notifications")).body["data"]
    assert notice["message"] == f"ann: {long[:140]}"
    assert (await socket.heard.next("notification:new"))["notification"]["message"] == f"ann: {long[:140]}"
    export = (await room.ann.get("/auth/me/export")).body["data"]["data"]
    assert [one["body"] for one in export["messages"]] == ["edited", long]
    assert [one["body"] for one in export["earlier texts"]] == ["first"]


async def test_a_hub_that_has_nothing_in_memory_reads_the_log(place: Bazaar) -> None:
    room = await Room.of(place)
    await room.say(room.ann, "by REST")
    late = await place.chatter(room.bob, await place.hub())
    for joined in (await late.join(room.uuid, limit=10), await late.join(room.uuid, since=0)):
        assert [one["content"] for one in joined["messages"]] == ["by REST"]
    changes = await late.call("sync")
    await room.say(room.ann, "later")
    changes = await late.call("sync", cursor=changes["cursor"])
    assert "later" in [one["content"] for one in changes["conversations"][0]["messages"]]


async def test_they_are_not_searched_and_no_words_are_stored(place: Bazaar) -> None:
    room = await Room.of(place)
    await room.say(room.ann, "budget")
    assert (await room.bob.get("/messages/search", q="budget")).status == 404
    db = place.env.resources.db
    await search.store_words(db, ["bazaar"], [room.uuid])  # as a worker would that knows nothing of it
    assert await db.fetchval("select count(*) from message_words") == 0


async def test_operators_read_what_a_reported_message_said(place: Bazaar) -> None:
    room = await Room.of(place)
    said = await room.say(room.ann, "bad")
    await room.edit(room.ann, said["id"], content="good")
    assert (await room.ann.delete(f"{room.path}/{said['id']}")).status == 204
    assert (await room.bob.post(f"{room.path}/{said['id']}/report", reason="spam", text="look")).status == 201
    rows, _ = await page(place.env.resources, None, 10, None, None)
    assert [row.evidence for row in rows] == ["good"]
    assert MARK in await place.env.resources.db.fetchval("select evidence from reports")


async def test_what_is_left_in_the_outbox_is_sent_by_another_process(
    place: Bazaar, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await Room.of(place)
    socket = await room.joined(room.bob)

    async def is_away(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "perform", is_away)
        said = await room.say(room.ann, "hello")
        await room.read(room.bob, said["id"])
        await room.edit(room.ann, said["id"], content="hello, Bob", mentions=[room.bob.id])
    assert await place.env.resources.db.fetchval("select bool_and(effects like $1) from outbox", f"{MARK}%")
    monkeypatch.setattr(outbox, "OVERDUE", timedelta(0))
    assert await relay(place.env.resources, place.env.publisher) > 0
    assert (await socket.heard.next("notification:new"))["notification"]["message"] == "ann: hello, Bob"


async def test_an_erased_user_takes_her_words_along_and_leaves_what_others_can_read(place: Bazaar) -> None:
    room = await Room.of(place)
    said = await room.say(room.ann, "before")
    await room.edit(room.ann, said["id"], content="after")
    assert (await room.ann.delete("/auth/me")).status == 204
    assert await erasure.finish(place.ctx(room.ann), place.user(room.ann).id)
    assert await room.texts(room.bob) == ["after"]
    db, id = place.env.resources.db, place.user(room.ann).id
    assert await db.fetchval("select count(*) from message_edits") == 0
    row = await db.fetchrow("select email, sealed_email, sealed_phone from users where id = $1", id)
    assert tuple(row) == ("", None, None)


async def test_stored_answers_are_exported_and_lose_the_name_of_who_is_erased(place: Bazaar) -> None:
    ann, bob = await place.person("ann"), await place.person("bob", "buyer")
    call = {"json": {"participant_id": ann.id}, "headers": {"Idempotency-Key": "with some blanks: and more"}}
    first = await bob.call("POST", "/talks", **call)
    assert "ann" in str(first.body)
    exported = (await bob.get("/auth/me/export")).body["data"]["data"]["repeatable calls"]
    assert exported[0]["answer"]["id"] == first.body["data"]["id"]
    assert (await ann.delete("/auth/me")).status == 204
    assert await erasure.finish(place.ctx(ann), place.user(ann).id)
    again = await bob.call("POST", "/talks", **call)
    assert again.body["data"]["id"] == first.body["data"]["id"]
    assert [one["name"] for one in again.body["data"]["members"]].count("Deleted user") == 1
    assert MARK.encode() in await place.env.resources.db.fetchval("select body from idempotency_keys")


async def test_a_job_that_cannot_be_opened_stops_no_other(
    place: Bazaar, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    settings, resources = place.env.settings, place.env.resources
    async with open_jobs(settings, Sealing({"old": b"x" * 32}, b"")) as others:
        await others.enqueue(SendMail("eve@example.com", "Lost", "x"))
    await resources.jobs.enqueue(SendMail("eve@example.com", "Found", "x"))
    async with open_worker(settings, resources, place.env.publisher):
        assert (await mailbox.next())["Subject"] == "Found"
    assert "Lost" not in caplog.text
    caplog.clear()  # that a job is lost is an error


async def test_a_message_that_cannot_be_opened_hides_nothing_around_it(place: Bazaar) -> None:
    room = await Room.of(place)
    for text in ("one", "two", "three"):
        await room.say(room.ann, text)
    db, sealing = place.env.resources.db, place.env.resources.sealing
    await db.execute("update messages m set body = o.body from messages o where m.seq = 2 and o.seq = 1")
    assert await room.texts(room.bob) == ["one", UNREADABLE, "three"]
    assert sealing.unreadable == 1
    late = await place.chatter(room.bob, await place.hub())
    joined = await late.join(room.uuid, since=0)
    assert [one["content"] for one in joined["messages"]] == ["one", UNREADABLE, "three"]
    assert (await late.send(room.uuid, "four"))["seq"] == 4
    await db.execute("update messages set body = left(body, -4) where seq = 3")
    assert await room.texts(room.bob) == ["one", UNREADABLE, UNREADABLE, "four"]


async def test_a_process_without_the_key_reads_nothing_and_goes_on(place: Bazaar) -> None:
    room = await Room.of(place)
    await room.say(room.ann, "one")
    sealing = place.env.resources.sealing
    sealing._keys = Sealing({"old": b"x" * 32}, b"")._keys
    assert await room.texts(room.ann) == [UNREADABLE]
    (listed,) = (await room.ann.get("/conversations")).body["data"]
    assert listed["last_message"]["content"] == UNREADABLE


async def test_repeats_at_once_make_one_message(place: Bazaar) -> None:
    room = await Room.of(place)
    sent = await asyncio.gather(*(room.say(room.ann, "once", client_id="c") for _ in range(8)))
    assert len({one["id"] for one in sent}) == 1
    assert await room.texts(room.bob) == ["once"]


@pytest.mark.parametrize("place", [True, False], ids=["sealed", "in the clear"], indirect=True)
async def test_the_fingerprint_of_a_stored_call_needs_a_key_to_be_guessed(
    place: Bazaar, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await Room.of(place)
    call = {"json": {"content": "yes"}, "headers": {"Idempotency-Key": "1"}}
    first, again = [await room.ann.call("POST", room.path, **call) for _ in range(2)]
    assert first.body["data"]["id"] == again.body["data"]["id"]
    row = await place.env.resources.db.fetchrow("select fingerprint, meaning from idempotency_keys")
    is_sealed = place.is_sealed
    monkeypatch.setattr(Policy, "seals", False)
    said = (b"message", room.uuid.bytes, msgspec.json.encode(NewMessage("yes")))
    guess = idempotency._fingerprints(place.ctx(room.ann), said)
    assert ({row["fingerprint"], row["meaning"]} == set(guess)) is not is_sealed
