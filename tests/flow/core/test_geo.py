"""Places in the database: the same distances and cells as in Python, nobody missed, each once, by the index."""

from collections.abc import AsyncIterator
from random import Random
from uuid import UUID

import asyncpg
import msgspec
import pytest

from config.settings import Settings
from core.base import clock
from core.base.ids import uuid7
from core.platform.db import Pool, open_pool
from core.search.geo import NEAREST, Nearer, Place, cover, distance
from tests.bazaar import queries
from tests.bazaar.capabilities.near import NEAR
from tests.bazaar.database import with_bazaar

CENTRES = (Place(24.7, 46.7), Place(0, 180), Place(10, -179.99), Place(89.95, 10), Place(-89.99, -170), Place(0, 0))
EVERYTHING = 1000


@pytest.fixture
async def db(settings: Settings) -> AsyncIterator[Pool]:
    await with_bazaar(settings)
    async with await open_pool(settings) as pool:
        yield pool


async def offered(db: Pool, places: list[Place]) -> dict[UUID, Place]:
    seller = uuid7()
    await db.execute(
        "insert into users (id, market, password_hash, name, role) values ($1, 'bazaar', '', 'Ann', 'seller')", seller
    )
    made = {uuid7(): place for place in places}
    for id, place in made.items():
        await queries.INSERT(db, id, seller, "Lamp", 1, "", clock.now(), place.lat, place.lon)
    return made


def around(centre: Place, dice: Random, count: int) -> list[Place]:
    """Return places of which about half are within some 100 km."""
    near = [
        Place(
            max(-90.0, min(90.0, centre.lat + dice.uniform(-1, 1))),
            (centre.lon + dice.uniform(-1, 1) + 540) % 360 - 180,
        )
        for _ in range(count)
    ]
    return near + [Place(centre.lat, dice.uniform(-180, 180)) for _ in range(count // 4)]


async def found(
    db: Pool, centre: Place, radius: float, after: Nearer = NEAREST, limit: int = EVERYTHING
) -> list[Nearer]:
    rows = await NEAR(db, centre.lat, centre.lon, radius, *cover(centre, radius), after.metres, after.id, limit)
    return [Nearer(row.metres, row.id) for row in rows]


@pytest.mark.parametrize("centre", CENTRES, ids=str)
async def test_all_within_a_radius_are_found_once_and_nobody_else(db: Pool, centre: Place) -> None:
    made = await offered(db, around(centre, Random(1), 200))
    for radius in (100.0, 5_000.0, 80_000.0, 3_000_000.0, 20_100_000.0):
        expected = sorted((distance(centre, place), id) for id, place in made.items())
        expected = [(metres, id) for metres, id in expected if metres <= radius]
        got = await found(db, centre, radius)
        assert [one.id for one in got] == [id for _, id in expected]
        assert [one.metres for one in got] == pytest.approx([metres for metres, _ in expected], abs=1e-6)


async def test_pages_by_distance_show_each_once_also_those_equally_far(db: Pool) -> None:
    centre = CENTRES[0]
    made = await offered(db, [Place(24.7, 46.71)] * 7 + around(centre, Random(2), 20))
    seen: list[Nearer] = []
    while page := await found(db, centre, 1_000_000.0, seen[-1] if seen else NEAREST, 3):
        seen += page
    assert seen == sorted(seen, key=lambda one: (one.metres, one.id))
    assert len({one.id for one in seen}) == len(seen)
    assert {one.id for one in seen} == {id for id, place in made.items() if distance(centre, place) <= 1_000_000}


async def test_cells_of_the_database_are_those_of_the_ranges(db: Pool) -> None:
    dice = Random(3)
    for place in [
        *CENTRES,
        Place(90, 180),
        Place(-90, -180),
        *(Place(dice.uniform(-90, 90), dice.uniform(-180, 180)) for _ in range(200)),
    ]:
        cell = await db.fetchval("select geo_cell($1, $2)", place.lat, place.lon)
        lows, highs = cover(place, 1.0)
        assert any(low <= cell <= high for low, high in zip(lows, highs, strict=True)), place


async def test_the_index_is_filled_under_an_empty_search_path_as_a_restore_has(db: Pool) -> None:
    (id,) = await offered(db, [CENTRES[0]])
    async with db.acquire() as connection, connection.transaction():
        await connection.execute("set local search_path to ''")
        await connection.execute("update bazaar.listings set lat = lat + 1 where id = $1", id)


async def test_what_is_near_is_found_by_the_index(db: Pool) -> None:
    await db.execute(
        """
        with ann as (
            insert into users (id, market, password_hash, name, role)
            values (gen_random_uuid(), 'bazaar', '', 'Ann', 'seller') returning id
        )
        insert into bazaar.listings (id, seller_id, title, price_cents, description, created_at, lat, lon)
        select gen_random_uuid(), ann.id, 'Lamp', 1, '', now(), random() * 180 - 90, random() * 360 - 180
        from ann, generate_series(1, 5000)"""
    )
    await db.execute("analyze bazaar.listings")
    lows, highs = cover(CENTRES[0], 10_000)
    async with db.acquire() as connection:
        plan = await explained(
            connection, NEAR.sql, CENTRES[0].lat, CENTRES[0].lon, 1e4, lows, highs, -1.0, UUID(int=0), 20
        )
    assert "listings_place" in plan
    assert "Seq Scan" not in plan


async def explained(connection: asyncpg.Connection, sql: str, *args: object) -> str:
    rows = await connection.fetch(f"explain (costs off) {sql}", *args)
    return "\n".join(row[0] for row in rows)


def test_a_cursor_holds_a_distance_exactly() -> None:
    one = Nearer(0.1 + 0.2, uuid7())
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Nearer) == one
