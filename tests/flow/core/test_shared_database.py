"""The database that tests share: what one test leaves in it no other one meets."""

import asyncpg
import pytest

from tests.databases import Shared

FILL = """
    insert into users (id, market, email, password_hash, name, role)
    select gen_random_uuid(), 'onswift', n || '@example.com', '', 'x', 'creator' from generate_series(1, $1::int) n"""
TABLES = (
    "select oid::regclass::text from pg_class where relkind = 'r' and oid >= 16384 and relname <> 'schema_migrations'"
)


async def filled(connection: asyncpg.Connection) -> set[str]:
    """Return the tables with rows."""
    names = [name for (name,) in await connection.fetch(TABLES)]
    return {name for name in names if await connection.fetchval(f"select exists (select from {name})")}


@pytest.mark.parametrize("users", [1, 10_000])
async def test_everything_is_deleted_few_rows_or_many(database_url: str, shared_database: Shared, users: int) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(FILL, users)
    assert await filled(connection) >= {"users", "user_search"}
    await shared_database.empty()
    connection = await asyncpg.connect(database_url)
    assert await filled(connection) == set()
    await connection.close()


async def test_a_connection_that_was_left_open_is_ended(database_url: str, shared_database: Shared) -> None:
    left = await asyncpg.connect(database_url)
    await left.execute("begin; lock table users")
    await shared_database.empty()
    with pytest.raises((asyncpg.AdminShutdownError, asyncpg.InterfaceError, asyncpg.ConnectionDoesNotExistError)):
        await left.execute("commit")


@pytest.mark.parametrize(
    "change",
    [
        "create table more (id int)",
        "alter table users add column more int",
        "drop table users cascade",
        "update schema_migrations set checksum = 'another'",
    ],
)
async def test_its_schema_stays_as_it_is(database_url: str, change: str) -> None:
    connection = await asyncpg.connect(database_url)
    with pytest.raises(asyncpg.RaiseError, match="fresh_database_url"):
        await connection.execute(change)
    await connection.execute("create temporary table more (id int)")
    await connection.close()


async def test_a_test_may_change_a_fresh_database(fresh_database_url: str) -> None:
    connection = await asyncpg.connect(fresh_database_url)
    await connection.execute("alter table users add column more int")
    await connection.close()
