"""Ids from the sequence of a marketplace: taken in blocks, unique over processes, and refused rather than waited for."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from config.settings import Settings
from core.base.errors import UNAVAILABLE, AppError
from core.base.ids import BigintIds
from core.platform import sequences
from core.platform.db import Pool, open_pool
from core.platform.sequences import BLOCK, LOW, open_ids

IDS = BigintIds("souk")


@pytest.fixture
def database_url(fresh_database_url: str) -> str:
    """Return the address of a database that gets a sequence."""
    return fresh_database_url


@pytest.fixture
async def db(settings: Settings) -> AsyncIterator[Pool]:
    """Return a database with one marketplace that has bigints."""
    async with await open_pool(settings) as db:
        await db.execute("create schema souk; create sequence souk.ids")
        yield db


def numbers(ids: list[UUID]) -> list[int]:
    return [int(IDS.shown(str(id))) for id in ids]


async def test_two_processes_take_from_one_sequence_and_no_number_twice(db: Pool) -> None:
    async with open_ids(db) as one, open_ids(db) as other:
        taken = numbers([ids.of("souk") for _ in range(10) for ids in (one, other)])
    assert taken[:2] == [1, BLOCK + 1]
    assert len(set(taken)) == 20


async def test_marketplaces_without_a_sequence_have_uuid7(db: Pool) -> None:
    async with open_ids(db) as ids:
        assert ids.of("onswift").version == 7
        assert ids.of("souk").version != 7


async def test_the_next_block_is_there_before_the_last_one_runs_out(db: Pool) -> None:
    async with open_ids(db) as ids:
        taken = [ids.of("souk") for _ in range(BLOCK - LOW)]
        for _ in range(2 * BLOCK):
            taken.append(ids.of("souk"))
            if filling := ids._blocks["souk"]._filling:
                await filling
    assert len(set(numbers(taken))) == len(taken) == 3 * BLOCK - LOW


async def test_what_has_run_out_is_unavailable_until_the_database_is_back(
    db: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_ids(db) as ids:
        block, is_away = ids._blocks["souk"], True
        fetch = sequences.NEXT

        async def away(*args: object) -> object:
            if is_away:
                raise OSError("away")
            return await fetch(*args)

        monkeypatch.setattr(sequences, "NEXT", away)
        for _ in range(BLOCK):
            ids.of("souk")
        with pytest.raises(AppError) as refused:
            ids.of("souk")
        assert refused.value.kind is UNAVAILABLE
        assert block._filling
        await asyncio.wait([block._filling])
        is_away = False
        with pytest.raises(AppError):
            ids.of("souk")
        assert block._filling
        await block._filling
        assert numbers([ids.of("souk")]) == [BLOCK + 1]


async def test_sql_makes_the_same_ids(db: Pool) -> None:
    assert await db.fetchval("select bigint_id('souk', $1)", 2**63 - 1) == IDS.uuid(2**63 - 1)
    assert await db.fetchval("select next_bigint_id('souk')") == IDS.uuid(1)
    assert await db.fetchval("select next_bigint_id('onswift')") is None
