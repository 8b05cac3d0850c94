"""Applies `migrations/NNNN_name.sql` in order, each in its own transaction under one advisory lock.

A file that begins with `-- outside a transaction` is one statement that commits as it goes, such as a `do` block that fills a
table in batches. It may run more than once, also concurrently, so it must only do what is still undone.

No state is left on the connection between two transactions, so that it may be PgBouncer's. A migration that cannot get its
locks at once, because of a backup or another long query, backs off and retries: otherwise everything queued behind it would
wait as well.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg

MIGRATIONS = Path(__file__).parents[2] / "migrations"
LOCK = 0x67726E726D  # "grnrm": two processes that start together must not both migrate
OUTSIDE = "-- outside a transaction\n"
LOCK_MILLISECONDS = 500
RETRY_SECONDS = 1.0
TRIES = 120


class MigrationBlockedError(Exception):
    """Other transactions held locks on the tables in all tries."""


class MigrationChangedError(Exception):
    """A migration that was applied has been edited since; migrations are immutable."""


class MigrationFailedError(Exception):
    """Stored data prevents a migration; the message says which, without personal data."""


async def migrate(dsn: str) -> list[str]:
    """Bring the database up to date and return the names of the migrations applied now.

    Raises MigrationChangedError, MigrationBlockedError, MigrationFailedError; migrations applied before stay.
    """
    connection = await asyncpg.connect(dsn, statement_cache_size=0)
    try:
        async with _locked(connection):
            await connection.execute(
                "create table if not exists schema_migrations"
                " (name text primary key, checksum text not null, applied_at timestamptz not null default now())"
            )
        return [path.stem for path in sorted(MIGRATIONS.glob("*.sql")) if await _get_applied(connection, path)]
    finally:
        await connection.close()


@asynccontextmanager
async def _locked(connection: asyncpg.Connection) -> AsyncIterator[None]:
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
        yield


async def _get_applied(connection: asyncpg.Connection, path: Path) -> bool:
    for _ in range(TRIES):
        with suppress(asyncpg.LockNotAvailableError):
            try:
                return await _apply(connection, path)
            except asyncpg.IntegrityConstraintViolationError as error:
                raise MigrationFailedError(f"{path.name}: {_described(error)}") from None
        await asyncio.sleep(RETRY_SECONDS)
    raise MigrationBlockedError(
        f"{path.name} cannot get its locks: a long query (a backup?) uses its tables. Try again later"
    )


async def _apply(connection: asyncpg.Connection, path: Path) -> bool:
    sql = path.read_text()
    checksum = hashlib.sha256(sql.encode()).hexdigest()
    if sql.startswith(OUTSIDE):
        async with _locked(connection):
            is_new = await _is_new(connection, path, checksum)
        if is_new:
            await connection.execute(sql)
            is_new = await _record(connection, path, checksum)
        return is_new
    async with _locked(connection):
        if is_new := await _is_new(connection, path, checksum):
            await connection.execute(f"set local lock_timeout = {LOCK_MILLISECONDS}")
            await connection.execute(sql)
            await _record(connection, path, checksum)
    return is_new


async def _is_new(connection: asyncpg.Connection, path: Path, checksum: str) -> bool:
    applied = await connection.fetchval("select checksum from schema_migrations where name = $1", path.stem)
    if applied not in (None, checksum):
        raise MigrationChangedError(f"{path.name} was changed after it was applied: write a new migration instead")
    return applied is None


async def _record(connection: asyncpg.Connection, path: Path, checksum: str) -> bool:
    """Record that a migration is applied; False if another process has done so."""
    insert = "insert into schema_migrations (name, checksum) values ($1, $2) on conflict do nothing returning name"
    return await connection.fetchval(insert, path.stem, checksum) is not None


def _described(error: asyncpg.IntegrityConstraintViolationError) -> str:
    # The detail of a constraint error quotes stored data. That of a migration's own check does not, and has no constraint name.
    message, detail = str(error.args[0]), error.detail
    return message if error.constraint_name else f"{message}. {detail}"
