"""Markers: words that are nowhere else, one for each field; and where all of them are found."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis

from core.platform.db import Pool

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

COLUMNS = """
    select format('%I.%I', c.table_schema, c.table_name), format('%I', c.column_name), c.data_type
    from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
    where c.table_schema not in ('pg_catalog', 'information_schema') and t.table_type = 'BASE TABLE'"""


@dataclass(frozen=True)
class Mark:
    """A marker. `stays` are the places where others have it after its user is gone; `is_exported`: she can have it."""

    text: str
    about: str
    stays: frozenset[str] = frozenset()
    is_exported: bool = True


@dataclass
class Marks:
    """The markers of one user."""

    prefix: str
    all: list[Mark] = field(default_factory=list)

    def own(self, about: str) -> str:
        """Return the marker of what is hers alone."""
        return self._add(about)

    def shared(self, about: str, *places: str) -> str:
        """Return the marker of what others have too, and keep, in the first of these places and perhaps in the others."""
        return self._add(about, frozenset(places))

    def passing(self, about: str) -> str:
        """Return the marker of what is not kept, or replaced: no export has it."""
        return self._add(about, is_exported=False)

    def elsewhere(self, about: str, *places: str) -> str:
        """Return the marker of what no export has: a file's content, which one downloads, or what others alone have."""
        return self._add(about, frozenset(places), is_exported=False)

    def in_(self, text: str) -> bool:
        """Say whether a text has any of the markers."""
        return any(mark.text in text for mark in self.all)

    def _add(self, about: str, stays: frozenset[str] = frozenset(), *, is_exported: bool = True) -> str:
        mark = Mark(f"zq{self.prefix}{len(self.all):03}q", about, stays, is_exported)
        self.all.append(mark)
        return mark.text


async def all_places(db: Pool, redis: Redis, s3: "S3Client", bucket: str, logs: list[str]) -> dict[str, str]:
    """Return all that is stored anywhere as one text for each place, in small letters."""
    places = {f"redis {key}": value for key, value in (await _redis(redis)).items()}
    places |= await _tables(db)
    places["s3"] = await _objects(s3, bucket)
    places["log"] = "\n".join(logs)
    return {place: text.lower() for place, text in places.items()}


def found(places: dict[str, str], mark: Mark) -> set[str]:
    """Return the places in which a marker is."""
    return {place for place, text in places.items() if mark.text in text}


async def _tables(db: Pool) -> dict[str, str]:
    texts: dict[str, str] = {}
    for table, column, kind in await db.fetch(COLUMNS):
        text = f"encode({column}, 'escape')" if kind == "bytea" else f"{column}::text"
        rows = await db.fetch(f"select {text} from {table} where {column} is not null")
        texts[table.removeprefix("public.")] = texts.get(table.removeprefix("public."), "") + "\n".join(
            value for (value,) in rows
        )
    return texts


async def _redis(redis: Redis) -> dict[str, str]:
    readers: dict[str, Any] = {
        "string": redis.get,
        "hash": redis.hgetall,
        "set": redis.smembers,
        "list": lambda key: redis.lrange(key, 0, -1),
        "zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
        "stream": redis.xrange,
    }
    values: dict[str, str] = {}
    async for key in redis.scan_iter("*"):
        kind = _plain(await redis.type(key))
        values[_plain(key)] = f"{_plain(key)} {await readers[kind](key)!r}" if kind != "none" else ""
    return values


def _plain(value: bytes | str) -> str:
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value


async def _objects(s3: "S3Client", bucket: str) -> str:
    texts: list[str] = []
    async for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for one in page.get("Contents", []):
            answer = await s3.get_object(Bucket=bucket, Key=one["Key"])
            async with answer["Body"] as body:
                content = (await body.read()).decode("latin-1")
            texts.append(f"{one['Key']} {json.dumps(answer['Metadata'])} {answer['ContentType']} {content}")
    return "\n".join(texts)
