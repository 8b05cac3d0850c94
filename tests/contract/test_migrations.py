"""What migrations do to the rows that they find, and what they say where these do not allow them."""

import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from cli.embedded.process import Server
from config.settings import Settings
from core.base import clock
from core.calendars import feeds
from core.platform import migrate
from core.platform.db import open_pool

ADD_USER = """
    insert into users (id, market, email, password_hash, name, role, deleted_at)
    values ($1, $2, $3, '', 'x', 'talent', $4)"""


class Older:
    """A database of an older version, and what brings it up to date."""

    def __init__(self, url: str, connection: asyncpg.Connection, folder: Path) -> None:
        self.url = url
        self.connection = connection
        self._folder = folder

    async def migrate(self, upto: str = "9999") -> None:
        """Apply the migrations up to a number."""
        for path in sorted((Path(__file__).parents[2] / "migrations").glob("*.sql")):
            if path.stem[:4] <= upto:
                shutil.copy(path, self._folder)
        await migrate.migrate(self.url)

    async def user(self, number: int, email: str, market: str = "onswift", *, deleted: bool = False) -> UUID:
        """Store a user."""
        id = UUID(int=number)
        await self.connection.execute(ADD_USER, id, market, email, clock.now() if deleted else None)
        return id


@pytest.fixture
async def older(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Older]:
    """Return a database of the version that was released last."""
    admin = await asyncpg.connect(postgres.url, database="postgres")
    await admin.execute("drop database if exists older with (force)")
    await admin.execute("create database older")
    connection = await asyncpg.connect(postgres.url, database="older")
    monkeypatch.setattr(migrate, "MIGRATIONS", tmp_path)
    older = Older(postgres.url.replace("/greenroom?", "/older?"), connection, tmp_path)
    await older.migrate(upto="0012")
    yield older
    await connection.close()
    await admin.execute("drop database older")
    await admin.close()


async def test_tokens_of_feeds_are_hashed_a_day_after_the_migration_and_not_before(older: Older) -> None:
    ids = [await older.user(number, f"{number}@example.com") for number in (1, 2)]
    await older.connection.execute(
        "insert into feeds (user_id, token, created_at) select id, 'token of ' || id, now() - interval '1 year' from users"
    )
    await older.migrate()
    tokens = [f"token of {id}" for id in ids]
    async with await open_pool(Settings(), older.url) as db:
        await feeds.HASH_TOKENS(db, clock.now() - timedelta(days=1), 10)
        assert [row["token"] for row in await db.fetch("select token from feeds order by user_id")] == tokens
        await feeds.HASH_TOKENS(db, clock.now() + timedelta(seconds=1), 10)
        rows = await db.fetch("select token, hash, nonce from feeds order by user_id")
        assert [tuple(row) for row in rows] == [(None, sha256(token.encode()).digest(), None) for token in tokens]
        assert [await feeds.OWNER(db, row["hash"], "", "onswift") for row in rows] == ids


async def test_accounts_of_one_address_are_named_by_their_ids_and_stop_the_migration(older: Older) -> None:
    await older.connection.execute(
        "drop index users_email"
    )  # a locale that lowers letters in another way had let them in
    twins = [await older.user(number, email) for number, email in ((1, "Ida@example.com"), (2, "IDA@example.com"))]
    await older.user(3, "ida@example.com", "elsewhere")
    await older.user(4, "ida@example.com", deleted=True)
    with pytest.raises(migrate.MigrationFailedError) as failed:
        await older.migrate()
    said = str(failed.value)
    assert said.startswith("0020_email_canonical.sql: 1 e-mail addresses have more than one account each")
    assert said.endswith(f"The ids of their accounts: {twins[0]}, {twins[1]}")
    assert "example" not in said
    await older.connection.execute("update users set email = id || '@duplicate.invalid' where id = $1", twins[1])
    await older.migrate()
    with pytest.raises(asyncpg.UniqueViolationError):
        await older.user(5, "iDa@example.com")


async def test_a_constraint_that_fails_quotes_nothing_that_is_stored(older: Older, tmp_path: Path) -> None:
    await older.user(1, "ida@example.com")
    await older.user(2, "ida@example.com", "elsewhere")
    (tmp_path / "0013_other.sql").write_text("create unique index other on users (email)")
    with pytest.raises(migrate.MigrationFailedError, match=r'^0013_other\.sql: could not create unique index "other"$'):
        await older.migrate("0012")
