"""Exports the personal data of a user to a temporary file, some rows at a time, so that memory stays bounded.

It is a file, not a streamed answer: a client that reads slowly would otherwise hold a connection of the database.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from tempfile import TemporaryFile
from typing import IO, TypeAlias
from uuid import UUID

import msgspec

from core.base import clock, errors
from core.platform.db import Connection, Texts, transaction
from core.platform.sealing.sealing import MARK, UNREADABLE, Sealing
from core.work.context import Ctx, Resources

Parts: TypeAlias = Iterable[tuple[str, Texts]]
ROWS_AT_ONCE = 50
# In one process: each holds a connection of the database while it is written.
EXPORTS_AT_ONCE = 2

Named: TypeAlias = Callable[[str], str]

_writing = asyncio.Semaphore(EXPORTS_AT_ONCE)
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Export(msgspec.Struct, frozen=True, rename="camel"):
    """Everything of a user's: rows, by what they are about, with the names that the database has for them in camelCase."""

    user_id: UUID
    exported_at: datetime
    data: dict[str, msgspec.Raw]


async def export(ctx: Ctx, name: Named = str) -> IO[bytes]:
    """Return a file with all personal data of the caller (Export); raises UNAVAILABLE.

    `name` returns what clients call a field of a row.
    """
    parts = [(one.name, one.export) for one in ctx.policy.personal_data if one.export]
    return await write_export(ctx.resources, ctx.user.id, clock.now(), parts, name)


async def write_export(resources: Resources, user_id: UUID, at: datetime, parts: Parts, name: Named = str) -> IO[bytes]:
    """Return a file with `{userId, exportedAt, data}` in JSON, at its start; raises UNAVAILABLE if too many are being written.

    `data` holds each part's rows by its name; a part is a query on the user's id for rows as JSON objects.
    """
    if _writing.locked():
        raise errors.UNAVAILABLE.error("Exports of others are being made: try again in a moment")
    async with _writing:
        file = TemporaryFile()  # noqa: SIM115 - who reads it closes it
        try:
            async with transaction(resources.db) as connection:
                await _write(file, connection, resources.sealing, user_id, at, parts, name)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file


async def _write(
    file: IO[bytes],
    connection: Connection,
    sealing: Sealing,
    user_id: UUID,
    at: datetime,
    parts: Parts,
    name: Named,
) -> None:
    named = cache(lambda column: name(_camel(column)))
    head = msgspec.json.encode({"userId": user_id, "exportedAt": at})
    file.write(head[:-1] + b',"data":{')
    for place, (about, rows) in enumerate(parts):
        file.write(b"," * (place > 0) + msgspec.json.encode(about) + b":[")
        separator = b""
        async for some in rows(connection, user_id, at_once=ROWS_AT_ONCE):
            file.write(separator + b",".join(_shown(row, named, sealing) for row in some))
            separator = b","
        file.write(b"]")
    file.write(b"}}")


def _shown(row: str, named: Named, sealing: Sealing) -> bytes:
    """Return a row with names and times in the format of all answers, and what is sealed in it opened."""
    values = _decode(row)
    if MARK in row:
        values = {column: _opened(column, value, sealing) for column, value in values.items()}
    return msgspec.json.encode({named(column): _written(column, value) for column, value in values.items()})


def _opened(column: str, value: msgspec.Raw, sealing: Sealing) -> msgspec.Raw:
    text = msgspec.json.decode(value)
    if not isinstance(text, str) or MARK not in text:
        return value
    shown = sealing.shown(text)
    # A stored answer is JSON itself.
    return msgspec.Raw(shown.encode() if column == "answer" and shown != UNREADABLE else msgspec.json.encode(shown))


def _written(name: str, value: msgspec.Raw) -> msgspec.Raw:
    raw = bytes(value)
    is_time = name.endswith("_at") and raw.endswith(b'+00:00"')  # as Postgres writes it
    return msgspec.Raw(raw.removesuffix(b'+00:00"') + b'Z"') if is_time else value


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)
