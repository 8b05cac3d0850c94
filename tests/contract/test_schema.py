"""schema.sql is where the migrations lead."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from cli.embedded.process import Server

ROOT = Path(__file__).parents[2]
OURS = "n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and n.nspname not like 'pg_temp%'"
CATALOG = f"""
    select 'schema ' || n.nspname from pg_namespace n where {OURS}
    union all
    select format('relation %s.%s %s %s', n.nspname, c.relname, c.relkind, c.reloptions)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where {OURS}
    union all
    select format('column %s.%s.%s %s %s %s %s', n.nspname, c.relname, a.attnum, a.attname,
        format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid and c.relkind = 'r'
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attnum > 0 and not a.attisdropped and {OURS}
    union all
    select format('constraint %s %s %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid))
    from pg_constraint c join pg_namespace n on n.oid = c.connamespace where {OURS}
    union all
    select 'index ' || pg_get_indexdef(i.indexrelid)
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace where {OURS}
    union all
    select 'function ' || pg_get_functiondef(p.oid)
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where p.prokind = 'f' and {OURS}
    union all
    select 'trigger ' || pg_get_triggerdef(t.oid) from pg_trigger t where not t.tgisinternal"""


def schema_sql(path: Path = ROOT / "schema.sql") -> str:
    r"""Return a schema file with the files that its `\ir` lines include."""
    return re.sub(r"^\\ir (\S+)$", lambda line: schema_sql(path.parent / line[1]), path.read_text(), flags=re.MULTILINE)


async def catalog(connection: asyncpg.Connection) -> set[str]:
    """Return everything that is defined in a database, but for the list of migrations."""
    rows = await connection.fetch(CATALOG)
    return {str(text) for (text,) in rows if "schema_migrations" not in text}


@pytest.fixture
async def from_schema(postgres: Server) -> AsyncIterator[asyncpg.Connection]:
    """Return a database made by schema.sql."""
    admin = await asyncpg.connect(postgres.url, database="postgres")
    await admin.execute("drop database if exists from_schema")
    await admin.execute("create database from_schema")
    connection = await asyncpg.connect(postgres.url, database="from_schema")
    await connection.execute(schema_sql())
    yield connection
    await connection.close()
    await admin.execute("drop database from_schema")
    await admin.close()


async def test_all_migrations_together_are_the_schema(postgres: Server, from_schema: asyncpg.Connection) -> None:
    migrated = await asyncpg.connect(postgres.url)
    by_migrations, by_schema = await catalog(migrated), await catalog(from_schema)
    await migrated.close()
    assert len(by_schema) > 100
    assert by_migrations - by_schema == set(), "only after the migrations"
    assert by_schema - by_migrations == set(), "only in schema.sql"


@pytest.mark.parametrize(
    "change",
    [
        "alter table users add column nickname text",
        "alter table users alter column name drop not null",
        "alter table users alter column name set default 'x'",
        "drop index users_email",
        "alter table conversations reset (fillfactor)",
        "alter table members drop constraint members_role_check",
        "create schema other",
        "create function f() returns int language sql return 1",
    ],
)
async def test_a_change_of_the_schema_fails_the_comparison(from_schema: asyncpg.Connection, change: str) -> None:
    before = await catalog(from_schema)
    await from_schema.execute(change)
    assert await catalog(from_schema) != before
