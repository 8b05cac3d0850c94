"""The database edge: declared queries with typed rows. Only this module uses asyncpg."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeAlias, TypeVar

import asyncpg
import msgspec

from config.settings import Settings
from core.platform.observability.tracing import query

Row = TypeVar("Row", bound=msgspec.Struct)
Value = TypeVar("Value")
Connection: TypeAlias = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy
Pool: TypeAlias = asyncpg.Pool
Db: TypeAlias = Pool | Connection

UniqueViolation = asyncpg.UniqueViolationError
CheckViolation = asyncpg.CheckViolationError
QueryCanceled = asyncpg.QueryCanceledError
UNAVAILABLE_ERRORS: tuple[type[Exception], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that died in the middle of an answer
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DeadlockDetectedError,  # rolled back because of another transaction; a retry succeeds
    asyncpg.SerializationError,
    OSError,
    TimeoutError,
)


class Query:
    """An SQL statement, declared once; a test prepares each on the real schema and compares columns with the struct."""

    declared: "list[Query]" = []  # noqa: RUF012 - the registry that the test walks

    def __init__(self, sql: str, row: type[msgspec.Struct] | None = None) -> None:
        self.sql = sql
        self.row = row
        self.name = sql.split(maxsplit=1)[0]  # replaced by a better one if spans are exported
        Query.declared.append(self)


class One(Query, Generic[Row]):
    """A statement that returns one row or none."""

    def __init__(self, row: type[Row], sql: str) -> None:
        super().__init__(sql, row)
        self._make = row

    async def __call__(self, db: Db, *args: object) -> Row | None:
        with query(self.name, self.sql):
            record = await db.fetchrow(self.sql, *args)
        return None if record is None else self._make(*record)


class Many(Query, Generic[Row]):
    """A statement that returns rows."""

    def __init__(self, row: type[Row], sql: str) -> None:
        super().__init__(sql, row)
        self._make = row

    async def __call__(self, db: Db, *args: object) -> list[Row]:
        make = self._make
        with query(self.name, self.sql):
            records = await db.fetch(self.sql, *args)
        return [make(*record) for record in records]


class Scalar(Query, Generic[Value]):
    """A statement that returns one value or none."""

    def __init__(self, kind: type[Value], sql: str) -> None:
        super().__init__(sql)
        self.kind = kind

    async def __call__(self, db: Db, *args: object) -> Value | None:
        with query(self.name, self.sql):
            value: Any = await db.fetchval(self.sql, *args)
        return None if value is None else value  # asyncpg gives Any; the declared type is checked by the test


class Texts(Query):
    """A statement that returns one text per row, for so many rows that they are read in batches."""

    def __init__(self, sql: str) -> None:
        super().__init__(sql)

    async def __call__(self, connection: Connection, *args: object, at_once: int) -> AsyncIterator[list[str]]:
        """Yield the rows in batches of `at_once`; the connection must be in a transaction."""
        with query(self.name, self.sql):
            cursor = await connection.cursor(self.sql, *args)
        while records := await cursor.fetch(at_once):
            yield [record[0] for record in records]


class Run(Query):
    """A statement run for its effect; returns the number of affected rows."""

    def __init__(self, sql: str) -> None:
        super().__init__(sql)

    async def __call__(self, db: Db, *args: object) -> int:
        with query(self.name, self.sql):
            status: str = await db.execute(self.sql, *args)
        return int(status.rpartition(" ")[2])


def found(row: Row | None, error: Exception) -> Row:
    """Return the row, or raise `error` if there is none."""
    if row is None:
        raise error
    return row


async def open_pool(settings: Settings, url: str = "", min_size: int = 1) -> Pool:
    """Open a pool to the database, or to the one at `url`; JSON columns are converted from and to Python values."""
    return await asyncpg.create_pool(
        url or settings.database_url,
        min_size=min_size,
        max_size=settings.database_pool,
        init=_prepare_connection,
        reset=_skip_reset,
        command_timeout=10,
        statement_cache_size=100 if settings.database_statements == "prepared" else 0,
        server_settings={"application_name": "greenroom"},
    )


async def _skip_reset(_connection: Connection) -> None:
    """Skip the reset after each use, which costs a round trip: no code changes a connection's state outside a transaction."""


async def _prepare_connection(connection: Connection) -> None:
    await connection.set_type_codec(
        "jsonb",
        encoder=lambda value: msgspec.json.encode(value).decode(),
        decoder=msgspec.json.decode,
        schema="pg_catalog",
    )


@asynccontextmanager
async def transaction(db: Db) -> AsyncIterator[Connection]:
    """Run a block in one transaction on one connection, nested if the connection already has one."""
    if not isinstance(db, asyncpg.Pool):
        async with db.transaction():
            yield db
        return
    async with db.acquire() as connection, connection.transaction():
        yield connection


def columns(values: Sequence[Sequence[object]], width: int) -> list[list[object]]:
    """Turn rows into the arrays that `unnest($1, $2, ...)` takes."""
    return [[row[index] for row in values] for index in range(width)]
