"""Whatever opens something is known to what ends it: by the schema, by the code, and after the migration."""

import ast
from hashlib import sha256
from pathlib import Path

import asyncpg
import pytest

from cli.embedded.process import Server
from core import credentials
from core.migrate import MIGRATIONS
from tests.flow.conftest import House

ROOT = Path(__file__).parents[2]
OPENS_SOMETHING = """
select distinct a.attrelid::regclass::text from pg_attribute a
join pg_class c on c.oid = a.attrelid and c.relkind = 'r' join pg_namespace n on n.oid = c.relnamespace
where n.nspname not in ('pg_catalog', 'information_schema') and a.attnum > 0 and not a.attisdropped
    and a.attname ~ '^(token|hash|secret|session_id|.*_(token|hash|secret))$'"""
ENDED_OTHERWISE = {
    "refresh_tokens": "is looked up with its session, which must be live",
}


async def test_every_table_with_a_secret_or_a_session_is_ended_with_the_login_or_the_user(house: House) -> None:
    tables = {name for (name,) in await house.resources.db.fetch(OPENS_SOMETHING)}
    statements = " ".join(one.sql for one in (*credentials.OF_SESSIONS, *credentials.OF_USER))
    ended = {table for table in tables if table in statements.split()}
    assert len(ended) == len(credentials.OF_SESSIONS) + len(credentials.OF_USER)
    # Of users the known devices end; the password is what opens new logins: it is replaced, not ended.
    assert tables - ended == set(ENDED_OTHERWISE), "a new one joins core/credentials.py, or says here why it need not"


def test_sockets_are_closed_by_the_outbox_and_by_nobody_beside_it() -> None:
    callers = [
        f"{path.relative_to(ROOT)}"
        for folder in ("api", "cli", "core", "marketplaces", "realtime", "workers")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "end_sessions"
        and not (isinstance(node.func.value, ast.Name) and node.func.value.id == "work")
    ]
    assert callers == ["core/outbox.py"]


@pytest.fixture
async def before(postgres: Server) -> asyncpg.Connection:
    """Return a database of the version before the hashes."""
    admin = await asyncpg.connect(postgres.url, database="postgres")
    await admin.execute("drop database if exists before_hashes")
    await admin.execute("create database before_hashes")
    connection = await asyncpg.connect(postgres.url, database="before_hashes")
    for path in sorted(MIGRATIONS.glob("*.sql")):
        if path.stem < "0014":
            await connection.execute(path.read_text())
    yield connection
    await connection.close()
    await admin.execute("drop database before_hashes")
    await admin.close()


async def test_addresses_of_feeds_go_on_after_the_migration_and_only_their_hashes_stay(
    before: asyncpg.Connection,
) -> None:
    await before.execute(
        """
        insert into users (id, market, email, password_hash, name, role)
        select gen_random_uuid(), 'onswift', n || '@example.com', '', 'x', 'talent' from generate_series(1, 2) n"""
    )
    await before.execute(
        "insert into feeds (user_id, token, created_at) select id, 'token of ' || email, now() from users"
    )
    await before.execute((MIGRATIONS / "0014_credentials.sql").read_text())
    rows = await before.fetch("select u.email, f.* from feeds f join users u on u.id = f.user_id")
    assert [row["hash"] for row in rows] == [sha256(f"token of {row['email']}".encode()).digest() for row in rows]
    assert {(row["token"], row["nonce"]) for row in rows} == {(None, None)}
    with pytest.raises(
        asyncpg.NotNullViolationError
    ):  # the version before renews none: it would store what opens something
        await before.execute("update feeds set token = 'x', hash = null")
