"""Every declared query, prepared on the real schema: it exists, and its columns are its struct's fields, in order."""

import importlib
import pkgutil
from collections.abc import AsyncIterator
from datetime import date, datetime
from types import ModuleType, NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints
from uuid import UUID

import asyncpg
import msgspec
import pytest

import core
import marketplaces
import realtime
from config.settings import Settings
from core.platform.db import Many, One, Query, Run, Scalar, Texts, open_pool
from tests import bazaar
from tests.bazaar.people import with_bazaar

TYPES: dict[str, type] = {
    "uuid": UUID,
    "text": str,
    "varchar": str,
    "int4": int,
    "int8": int,
    "bool": bool,
    "float8": float,
    "date": date,
    "timestamptz": datetime,
    "bytea": bytes,
    "uuid[]": list,
    "text[]": list,
    "jsonb": list,
}


def declared() -> list[Query]:
    """Return all queries of the project."""
    for package in (core, marketplaces, realtime, bazaar):
        _import_all(package)
    return list(Query.declared)


def _import_all(package: ModuleType) -> None:
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)


async def problems(connection: asyncpg.Connection, query: Query) -> list[str]:
    """Return what is wrong with a query."""
    try:
        statement = await connection.prepare(query.sql)
    except asyncpg.PostgresError as error:
        return [str(error)]
    columns = [(column.name, column.type.name) for column in statement.get_attributes()]
    if isinstance(query, Run):
        return [f"gives {columns}, which nobody takes"] if columns else []
    if isinstance(query, Texts):
        return [] if [name for _, name in columns] == ["text"] else [f"gives {columns}, not one text"]
    if isinstance(query, Scalar):
        kinds = [TYPES[name] for _, name in columns]
        return [] if kinds == [query.kind] else [f"gives {kinds}, not one {query.kind}"]
    assert query.row
    return _row_problems(columns, query.row)


def _row_problems(columns: list[tuple[str, str]], row: type[msgspec.Struct]) -> list[str]:
    names = [field.name for field in msgspec.structs.fields(row)]
    if [name for name, _ in columns] != names:
        return [f"gives {[name for name, _ in columns]}, {row.__name__} takes {names}"]
    hints = get_type_hints(row)
    return [
        f"{row.__name__}.{name} is {hints[name]}, the column is {kind}"
        for name, kind in columns
        if _plain(hints[name]) not in (TYPES[kind], dict if kind == "jsonb" else TYPES[kind])
    ]


def _plain(hint: Any) -> Any:
    """Return the type behind `X | None`, `list[X]` and `Literal["x", "y"]`."""
    if get_origin(hint) is UnionType:
        (hint,) = [part for part in get_args(hint) if part is not NoneType]
    if get_origin(hint) is Literal:
        return type(get_args(hint)[0])
    return get_origin(hint) or hint


@pytest.fixture
def database_url(fresh_database_url: str) -> str:
    """Return the address of a database that gets the bazaar's tables, too."""
    return fresh_database_url


@pytest.fixture
async def connection(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """Return a connection as the project opens them, to a database that has the tables of all marketplaces."""
    await with_bazaar(settings)
    async with await open_pool(settings) as pool, pool.acquire() as connection:
        yield connection


async def test_every_declared_query_fits_the_schema_and_its_struct(connection: asyncpg.Connection) -> None:
    queries = declared()
    assert len(queries) > 50
    wrong = {query.sql: found for query in queries if (found := await problems(connection, query))}
    assert wrong == {}


class Pair(msgspec.Struct):
    id: UUID
    name: str


async def test_a_query_that_does_not_fit_is_noticed(
    connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Query, "declared", [])  # what is made here is not the project's
    misfits: list[Query] = [
        One(Pair, "select id, nickname from users"),
        One(Pair, "select name, id from users"),
        Many(Pair, "select id, name, email from users"),
        Many(Pair, "select id, created_at as name from users"),
        Scalar(int, "select name from users"),
        Scalar(int, "select 1, 2"),
        Texts("select id from users"),
        Texts("select name, email from users"),
        Run("select 1"),
        Run("update nowhere set x = 1"),
        Run("delete from users where id = $1 and email ="),
    ]
    for query in misfits:
        assert await problems(connection, query), query.sql
    assert await problems(connection, One(Pair, "select id, name from users")) == []
    assert await problems(connection, Scalar(str, "select name from users where id = $1")) == []
