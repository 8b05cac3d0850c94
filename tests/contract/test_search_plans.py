"""The search for talents goes by its indexes, whatever is asked for: on enough talents for Postgres to mean it."""

from collections.abc import Iterator
from uuid import UUID

import asyncpg
import pytest

from bench.talents import PAGE, SEARCHES, Asked, fill
from cli.embedded.process import Server
from marketplaces.onswift import rules
from marketplaces.onswift.queries.users import COUNT_TALENTS, FIND_TALENTS, TALENTS
from tests.databases import cloned, run

TALENT_COUNT = 20_000
# By what each search finds its talents; the others go by whichever of these is the shortest way.
BY = {
    "nothing": "talents_rating",
    "a skill": "talents_rating",
    "a name": "talents_search",
    "a rare skill": "talents_search",
    "a name with a typing error": "talents_name",
    "a narrow rate": "talents_rate",
}
SCANS = """
select c.relname, pg_stat_get_xact_numscans(c.oid) > 0
from pg_class c where c.oid = 'onswift.talents'::regclass or c.oid in (
    select indexrelid from pg_index where indrelid = 'onswift.talents'::regclass
)"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def filled(postgres: Server) -> Iterator[str]:
    """Return the address of a database with talents, which the tests only read."""
    with cloned(postgres.url, "filled") as url:
        run(fill(url, TALENT_COUNT))
        yield url


async def asked_by_some(connection: asyncpg.Connection) -> list[tuple[str, Asked, list[UUID]]]:
    """Return all searches, each of a user without blocks and of one with many."""
    many: list[UUID] = await connection.fetchval(
        "select array(select user_id from onswift.talents order by user_id limit 300)"
    )
    return [(name, asked, hidden) for name, asked in SEARCHES.items() for hidden in (many[:0], many)]


async def test_no_search_looks_at_all_talents(connection: asyncpg.Connection) -> None:
    block = rules.SEARCH_BLOCK
    for name, asked, hidden in await asked_by_some(connection):
        await connection.execute("select pg_stat_force_next_flush()")  # of what the searches before have counted
        async with connection.transaction():
            page = await FIND_TALENTS(connection, *asked, hidden, block, block, 0, PAGE)
            assert page
            await TALENTS(connection, page.ids)
            used = dict(await connection.fetch(SCANS))
        assert not used["talents"], f"{name}: a scan of the table"
        assert used[BY.get(name, "talents_pkey")] or not page.ids, f"{name}: {used}"


async def test_no_count_looks_at_all_talents(connection: asyncpg.Connection) -> None:
    for name, asked, hidden in await asked_by_some(connection):
        async with connection.transaction():
            assert await COUNT_TALENTS(connection, *asked, hidden) is not None
            used = dict(await connection.fetch(SCANS))
        assert not used["talents"], f"{name}: a scan of the table"


async def test_a_search_is_one_plan_by_its_index(connection: asyncpg.Connection) -> None:
    for q in ("Bace Difogu", "Bace Difogux", "C++", "山田", "김민수"):
        for kind in ("exact", "apart", "joined", "normal", "near"):
            async with connection.transaction():
                terms = await connection.fetchval(f"select {kind} from search_query($1)", q)
                if terms is None:  # one word has no neighbours
                    continue
                plan = await connection.fetchval(
                    "explain (format json) select user_id from onswift.talents where words @@ $1::text::tsquery",
                    str(terms),
                )
            assert "talents_search" in plan, (q, kind, plan)
            assert "Seq Scan" not in plan, (q, kind, plan)
