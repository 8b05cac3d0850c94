"""Rotation seals everything with the first key, beside traffic, and anything that is still in the clear."""

import asyncio
from dataclasses import replace

import msgspec
import pytest

from cli import seal
from cli.checks import check_settings
from cli.errors import CommandError
from config.settings import Settings, SettingsError
from core.operations import resealing
from core.platform.sealing.columns import own_column
from core.platform.sealing.keys import open_sealing
from core.platform.sealing.sealing import MARK, Sealing
from tests.flow.sealing.conftest import NEW_KEY, OLD_KEY, Bazaar, Room, opened, uuid_of

DESCRIPTION = own_column("bazaar", "bazaar.listings", "description")
PLACES = ("messages.body", "message_edits.body", "reports.evidence", "users.sealed_email")


def with_keys(settings: Settings, *keys: str) -> Settings:
    return msgspec.structs.replace(settings, seal_keys=keys)


NEW_FIRST = (f"new:{NEW_KEY}", f"old:{OLD_KEY}")


async def filled(place: Bazaar) -> Room:
    """Return a room with something sealed in each column."""
    room = await Room.of(place)
    for number in range(5):
        said = await room.say(room.ann, f"text {number}")
    await room.edit(room.ann, said["id"], content="text 5")
    assert (await room.bob.post(f"{room.path}/{said['id']}/report", reason="spam", text="")).status == 201
    return room


async def keys_of(place: Bazaar) -> set[str]:
    """Return the ids of the keys that values are sealed with; "" for those in the clear."""
    found: set[str] = set()
    for one in PLACES:
        table, column = one.split(".")
        kind = "and kind = 'text'" if table == "messages" else ""
        rows = await place.env.resources.db.fetch(f"select {column} as v from {table} where true {kind}")
        assert rows, one
        found |= {row["v"].split(":")[1] if (row["v"] or "").startswith(MARK) else "" for row in rows}
    return found


async def rotated(place: Bazaar, sealing: Sealing) -> int:
    """Rotate, and return how many values were sealed."""
    sealed = {
        one.column: one.sealed async for one in resealing.rotate(place.env.resources.db, sealing, [place.market.policy])
    }
    return sum(sealed.values())


async def left(place: Bazaar, sealing: Sealing) -> int:
    return sum((await resealing.left(place.env.resources.db, sealing, [place.market.policy])).values())


async def test_after_it_the_old_key_is_of_no_use(
    place: Bazaar, settings: Settings, monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    room = await filled(place)
    assert await keys_of(place) == {"old"}
    ring = await open_sealing(with_keys(settings, *NEW_FIRST))
    assert await rotated(place, ring) == 9
    assert await keys_of(place) == {"new"}
    assert (await rotated(place, ring), await left(place, ring)) == (0, 0), "a second run finds nothing to do"
    async with opened(with_keys(settings, NEW_FIRST[0]), monkeypatch, lines, is_sealed=True) as other:
        ann = other.api.logged_in(await other.api.log_in(room.ann.email))
        texts = [one["content"] for one in (await ann.get(room.path)).body["data"]["messages"]]
        assert texts == ["text 0", "text 1", "text 2", "text 3", "text 5"]
        assert other.env.resources.sealing.unreadable == 0


async def test_two_at_once_share_the_work(place: Bazaar, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    await filled(place)
    ring = await open_sealing(with_keys(settings, *NEW_FIRST))
    sealed = await asyncio.gather(*(rotated(place, ring) for _ in range(4)))
    await rotated(place, ring)
    assert await keys_of(place) == {"new"}
    assert sum(sealed) >= 8
    assert ring.unreadable == 0


async def test_an_interrupted_run_is_continued_by_the_next(place: Bazaar, settings: Settings) -> None:
    await filled(place)
    ring = await open_sealing(with_keys(settings, *NEW_FIRST))
    async for progress in resealing.rotate(place.env.resources.db, ring, [place.market.policy]):
        assert progress.sealed == 5
        break
    assert await keys_of(place) == {"new", "old"}
    await rotated(place, ring)
    assert await keys_of(place) == {"new"}


async def test_a_row_that_is_locked_is_skipped_and_told_of(place: Bazaar, settings: Settings) -> None:
    await filled(place)
    ring = await open_sealing(with_keys(settings, *NEW_FIRST))
    async with place.env.resources.db.acquire() as other, other.transaction():
        await other.execute("select from messages where seq = 2 for update")
        await asyncio.wait_for(rotated(place, ring), 20)
        assert await left(place, ring) == 1
    assert await rotated(place, ring) == 1
    assert await left(place, ring) == 0


async def test_messages_are_edited_while_it_runs(place: Bazaar, settings: Settings) -> None:
    room = await filled(place)
    ring = await open_sealing(with_keys(settings, *NEW_FIRST))
    place.env.resources.sealing._keys |= ring._keys
    said = await room.say(room.ann, "0")

    async def edit() -> None:
        for number in range(1, 10):
            await room.edit(room.ann, said["id"], content=str(number))

    async def rotate() -> None:
        for _ in range(10):
            await rotated(place, ring)

    await asyncio.gather(edit(), rotate())
    assert (await room.texts(room.bob))[-1] == "9"
    assert place.env.resources.sealing.unreadable == 0


async def test_a_value_that_cannot_be_opened_stays_and_stops_nothing(place: Bazaar, settings: Settings) -> None:
    await filled(place)
    ring = await open_sealing(with_keys(settings, *NEW_FIRST))
    await place.env.resources.db.execute(
        "update messages m set body = o.body from messages o where m.seq = 2 and o.seq = 1"
    )
    await rotated(place, ring)
    assert (await left(place, ring), ring.unreadable) == (1, 1)
    assert await keys_of(place) == {"new", "old"}


async def test_two_accounts_with_one_address_stop_nothing_and_are_told_of(place: Bazaar) -> None:
    ann, bob = await place.person("ann"), await place.person("bob")
    db, sealing = place.env.resources.db, place.env.resources.sealing
    # As if both had signed up in the moment in which one process sealed and another one did not.
    clear = "update users set email = $1, sealed_email = null where id = $2"
    await db.execute(clear, ann.email.upper(), place.user(bob).id)
    assert (await rotated(place, sealing), await left(place, sealing)) == (0, 1)
    await db.execute(clear, bob.email, place.user(bob).id)
    assert (await rotated(place, sealing), await left(place, sealing)) == (1, 0)


@pytest.mark.parametrize("place", [False], indirect=True)
async def test_what_was_stored_in_the_clear_is_sealed_and_works_before_and_after(
    place: Bazaar, settings: Settings, monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    room = await filled(place)
    marks = dict(place.marks) | {"text": "text 3"}
    async with opened(settings, monkeypatch, lines, is_sealed=True) as sealed:
        for is_rotated in (False, True):
            ann = sealed.api.logged_in(await sealed.api.log_in(room.ann.email.lower()))
            texts = [one["content"] for one in (await ann.get(room.path)).body["data"]["messages"]]
            assert texts == ["text 0", "text 1", "text 2", "text 3", "text 5"]
            taken = {"email": room.ann.email, "password": "Correct-horse-7", "name": "x", "user_type": "buyer"}
            assert (await sealed.api.anyone.post("/auth/register", **taken)).code == "EMAIL_EXISTS"
            if not is_rotated:
                assert await left(sealed, sealed.env.resources.sealing) > 0
                await rotated(sealed, sealed.env.resources.sealing)
        sealed.marks = marks
        assert await keys_of(sealed) == {"old"}
        found = await sealed.found()
        assert {place for places in found.values() for place in places} <= {"log"}, found


async def test_a_message_that_was_in_the_clear_is_known_again_when_it_is_repeated(
    place: Bazaar, settings: Settings
) -> None:
    room = await Room.of(place)
    said = await room.say(room.ann, "hello", client_id="1")
    db, sealing = place.env.resources.db, place.env.resources.sealing
    await db.execute("update messages set body = 'hello' where client_id = '1'")
    assert (await room.say(room.ann, "hello", client_id="1"))["id"] == said["id"]
    assert await rotated(place, sealing) == 1
    assert (await room.say(room.ann, "hello", client_id="1"))["id"] == said["id"]


async def test_a_marketplace_seals_a_column_of_its_own(place: Bazaar, settings: Settings) -> None:
    ann = await place.person("ann")
    listing = {"title": "Lamp", "price_cents": 1, "description": "in the clear"}
    id = uuid_of((await ann.post("/listings", **listing)).body["data"]["id"])
    policy = msgspec.structs.replace(place.market.policy, sealed_columns=(DESCRIPTION,))
    ctx, db = replace(place.ctx(ann), policy=policy), place.env.resources.db
    read = "select placed(description, 'bazaar.listings.description ' || id) from bazaar.listings"
    for ring in (ctx.resources.sealing, await open_sealing(with_keys(settings, *NEW_FIRST))):
        _ = [one async for one in resealing.rotate(db, ring, [policy])]
        stored = await db.fetchval(read)
        assert stored.startswith(ring.prefix)
        assert ring.open(stored) == "in the clear"
    other = ctx.sealed("bazaar.listings.description", id, "sealed")
    await db.execute("update bazaar.listings set description = $1", other)
    assert ctx.resources.sealing.open(await db.fetchval(read)) == "sealed"


async def test_a_marketplace_that_seals_does_not_start_without_keys(place: Bazaar, settings: Settings) -> None:
    with pytest.raises(CommandError, match="GREENROOM_SEAL_KEYS is not set, and bazaar"):
        await check_settings(msgspec.structs.replace(settings, seal_keys=(), seal_index_key=""))
    with pytest.raises(SettingsError, match="needed together"):
        await check_settings(msgspec.structs.replace(settings, seal_index_key=""))


async def test_what_was_sealed_works_where_nothing_is_sealed_any_more(
    place: Bazaar, settings: Settings, monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    room = await filled(place)
    async with opened(settings, monkeypatch, lines, is_sealed=False, keeps_keys=True) as plain:
        ann = plain.api.logged_in(await plain.api.log_in(room.ann.email.upper()))
        assert ann.email == room.ann.email
        assert (await ann.post(room.path, content="plain")).status == 201
        texts = [one["content"] for one in (await ann.get(room.path)).body["data"]["messages"]]
        assert texts == ["text 0", "text 1", "text 2", "text 3", "text 5", "plain"]
        taken = {"email": room.ann.email, "password": "Correct-horse-7", "name": "x", "user_type": "buyer"}
        assert (await plain.api.anyone.post("/auth/register", **taken)).code == "EMAIL_EXISTS"


async def test_the_command_prints_its_progress_and_fails_while_something_is_left(
    place: Bazaar, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    await filled(place)
    new = with_keys(settings, *NEW_FIRST)
    with pytest.raises(CommandError, match="something is left"):
        await seal.status(new)
    await seal.rotate(new)
    assert "messages.body: 5 sealed" in capsys.readouterr().out
    await seal.status(new)
    assert "messages.body: 0 left" in capsys.readouterr().out
    await seal.print_key(new)
    assert len(capsys.readouterr().out.strip()) == 64
