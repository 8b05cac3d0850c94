"""The cost of commits in Postgres: messages one by one, and in batches."""

import random
import time
from statistics import median

import asyncpg

from bench.environment import Crowd, Environment, run
from bench.machine import family, usage
from bench.process import progress
from bench.results import Line
from core.base.ids import uuid7
from realtime.log.journal import APPEND

BATCHES = (1, 2, 5, 20, 500)
MESSAGES = 10_000
TEXT = "x" * 86  # as long as those of load.c
SIZES = "select pg_total_relation_size('messages'), (pg_current_wal_lsn() - '0/0'::pg_lsn)::int8"


def commits(env: Environment) -> list[Line]:
    """10,000 messages into 100 rooms, appended by one connection in batches of several sizes, with fsync."""
    runs: dict[int, list[tuple[float, ...]]] = {size: [] for size in BATCHES}
    for turn in range(env.rounds):
        for size in BATCHES:
            progress(f"  round {turn + 1}: batches of {size}")
            runs[size].append(run(_append(env, env.crowd(1000, 100), size)))

    def line(measure: str, place: int, form: str = ",.0f") -> Line:
        found = {f"batches of {size}": median(one[place] for one in runs[size]) for size in BATCHES}
        return Line("messages committed", measure, found, form)

    return [
        line("a batch, ms", 0, ",.2f"),
        line("Postgres's CPU per message, microseconds", 1),
        line("bytes per message, with its index entries", 2),
        line("bytes of WAL per message", 3),
    ]


async def _append(env: Environment, crowd: Crowd, size: int) -> tuple[float, ...]:
    connection = await asyncpg.connect(crowd.database_url)
    try:
        members = await connection.fetch("select conversation_id, user_id from members")
        await connection.execute("checkpoint")
        before, cpu, started = await connection.fetchrow(SIZES), _cpu(env), time.monotonic()
        for _ in range(MESSAGES // size):
            await _batch(connection, members, size)
        seconds, cpu = time.monotonic() - started, _cpu(env) - cpu
        after = await connection.fetchrow(SIZES)
    finally:
        await connection.close()
    table, wal = (now - then for now, then in zip(after, before, strict=True))
    return seconds / MESSAGES * size * 1e3, cpu / MESSAGES * 1e6, table / MESSAGES, wal / MESSAGES


async def _batch(connection: asyncpg.Connection, members: list[asyncpg.Record], size: int) -> None:
    places = random.choices(members, k=size)  # noqa: S311
    rooms, senders = [place[0] for place in places], [place[1] for place in places]
    ids, client_ids = [uuid7() for _ in places], [str(uuid7()) for _ in places]
    await connection.fetch(APPEND.sql, ids, rooms, senders, client_ids, [TEXT] * size, [None] * size, [], [])


def _cpu(env: Environment) -> float:
    return usage(family(env.postgres.process.pid)).cpu
