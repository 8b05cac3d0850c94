"""Applies `migrations/NNNN_name.sql` in order, each in its own transaction, under one advisory lock."""

import hashlib
from pathlib import Path

import asyncpg

MIGRATIONS = Path(__file__).parents[1] / "migrations"
LOCK = 0x67726E726D  # "grnrm": two processes that start together must not both migrate


class MigrationChangedError(Exception):
    """A migration that was applied has been edited since; migrations are immutable."""


async def migrate(dsn: str) -> list[str]:
    """Bring the database up to date and return the names of the migrations applied now."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("select pg_advisory_lock($1)", LOCK)
        return await _apply_missing(connection)
    finally:
        await connection.close()


async def _apply_missing(connection: asyncpg.Connection) -> list[str]:
    await connection.execute(
        "create table if not exists schema_migrations"
        " (name text primary key, checksum text not null, applied_at timestamptz not null default now())"
    )
    applied = dict(await connection.fetch("select name, checksum from schema_migrations"))
    return [path.stem for path in sorted(MIGRATIONS.glob("*.sql")) if await _apply(connection, path, applied)]


async def _apply(connection: asyncpg.Connection, path: Path, applied: dict[str, str]) -> bool:
    sql = path.read_text()
    checksum = hashlib.sha256(sql.encode()).hexdigest()
    if path.stem in applied:
        if applied[path.stem] != checksum:
            raise MigrationChangedError(f"{path.name} was changed after it was applied: write a new migration instead")
        return False
    async with connection.transaction():
        await connection.execute(sql)
        await connection.execute("insert into schema_migrations (name, checksum) values ($1, $2)", path.stem, checksum)
    return True
