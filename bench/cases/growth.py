"""Growth: the same traffic with more and more rooms, or stored messages."""

import random
import time
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Sequence
from statistics import median
from uuid import UUID

import asyncpg
import msgspec

from bench.cases.fanout import measure_alone
from bench.environment import Crowd, Environment, run
from bench.load.client import Result, Shape, client, measure
from bench.process import progress
from bench.results import Line
from bench.servers import hub
from core.platform.db import open_pool
from core.platform.sealing.sealing import Sealing
from realtime.dialect.encoder import CORE
from realtime.log.message_log import MessageLog

TALK = Shape(senders=2, seconds=4)
SLEEPERS = 1000  # connections that have joined silent rooms
PAGE = 50
PAGES = 300

# Time-ordered ids, like the application's: random ones would build a different index.
FILL = """
    with room as (
        select c.id, row_number() over (order by c.id) as place, m.user_id
        from conversations c join members m on m.conversation_id = c.id and m.role = 'owner'
    )
    insert into messages (conversation_id, seq, version, changed_at, id, sender_id, client_id, body, created_at)
    select r.id, s, s, now(), lpad(to_hex(s * $2 + r.place), 32, '0')::uuid, r.user_id, s::text, repeat('x', 80), now()
    from generate_series(1, $1::bigint) s cross join room r"""
NUMBER = "update conversations set last_seq = $1, version = $1, last_message_at = now()"


def rooms(env: Environment, sizes: Sequence[int]) -> list[Line]:
    """100 rooms of 10 talk, closed loop, while other rooms are awake on the same hub."""
    runs: dict[str, Result] = {}
    for size in sizes:
        progress(f"  {size:,} rooms")
        runs[f"{size:,} rooms"] = _talk_among(env, size)
    title = "growth of rooms"
    return [
        Line(title, "deliveries/s", {name: result.deliveries for name, result in runs.items()}),
        Line(title, "deliveries per CPU second", {name: result.per_cpu_second for name, result in runs.items()}),
        Line(title, "p50, ms", {name: result.p50 for name, result in runs.items()}, ",.2f"),
        Line(title, "p99, ms", {name: result.p99 for name, result in runs.items()}, ",.2f"),
        Line(title, "hub's memory, MB", {name: result.memory / 1e6 for name, result in runs.items()}),
    ]


def _talk_among(env: Environment, size: int) -> Result:
    talkers = env.crowd(1000, 100)
    if size <= talkers.rooms:
        return measure_alone(env, talkers, hub, TALK)
    sleepers = env.crowd(size - talkers.rooms, size - talkers.rooms, talkers.database_url)
    joins = sleepers.rooms // SLEEPERS
    run(_let_sleepers_in(sleepers, joins))
    shape = Shape(joins=joins, seconds=600)
    with hub(env, talkers) as running, client(env, sleepers, running.ports, shape, SLEEPERS) as idle:
        idle.event("ready")
        return measure(env, talkers, running, TALK)


async def _let_sleepers_in(crowd: Crowd, joins: int) -> None:
    """Make sleeper i a member of the rooms i * joins and on."""
    rooms = [UUID(line) for line in crowd.conversations.read_text().split()]
    users = [_user_of(line) for line in crowd.tokens.read_text().split("\n")[:SLEEPERS]]
    owned = set(zip(rooms, users, strict=False))  # which the seed has made
    pairs = {(room, users[place // joins % SLEEPERS]) for place, room in enumerate(rooms)} - owned
    connection = await asyncpg.connect(crowd.database_url)
    try:
        await connection.copy_records_to_table("members", records=pairs, columns=["conversation_id", "user_id"])
    finally:
        await connection.close()


def _user_of(line: str) -> UUID:
    payload = line.split(".")[1]
    claims = msgspec.json.decode(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return UUID(claims["userId"])


def messages(env: Environment, sizes: Sequence[int]) -> list[Line]:
    """Sending, and reading pages at random places, with ever more messages stored in 100 rooms."""
    sends: dict[str, Result] = {}
    history: dict[str, float] = {}
    changes: dict[str, float] = {}
    for size in sizes:
        name = f"{size:,} messages"
        progress(f"  {name}")
        crowd = env.crowd(1000, 100)
        run(_fill(crowd, size))
        history[name], changes[name] = run(_read_pages(env, crowd, size // crowd.rooms))
        sends[name] = measure_alone(env, crowd, hub, TALK)
    title = "growth of the log"
    return [
        Line(title, "history page of 50, ms", history, ",.2f"),
        Line(title, "changes page of 50, ms", changes, ",.2f"),
        Line(title, "messages/s", {name: result.sent / result.seconds for name, result in sends.items()}),
        Line(title, "p50 of sending, ms", {name: result.p50 for name, result in sends.items()}, ",.2f"),
    ]


async def _fill(crowd: Crowd, count: int) -> None:
    each = count // crowd.rooms
    connection = await asyncpg.connect(crowd.database_url, command_timeout=3600)
    try:
        await connection.execute(FILL, each, crowd.rooms)
        await connection.execute(NUMBER, each)
        await connection.execute("vacuum analyze messages")
        await connection.execute("checkpoint")
    finally:
        await connection.close()


async def _read_pages(env: Environment, crowd: Crowd, each: int) -> tuple[float, float]:
    """Return the medians, in milliseconds, of a page of history and one of changes, as the hub reads them."""
    rooms = [UUID(line) for line in crowd.conversations.read_text().split()]
    db = await open_pool(env.settings(crowd.database_url))
    log = MessageLog(db, Sealing({}, b""))
    try:
        return (
            await _median_ms(rooms, each, lambda room, place: log.newest(room, place, PAGE)),
            await _median_ms(rooms, each, lambda room, place: log.changes(room, place - PAGE, place, CORE)),
        )
    finally:
        await db.close()


async def _median_ms(rooms: Sequence[UUID], each: int, read: Callable[[UUID, int], Awaitable[object]]) -> float:
    chance = random.Random(1)  # noqa: S311 - the same places in each run
    times = []
    for _ in range(PAGES):
        room, place = chance.choice(rooms), chance.randint(PAGE, each)
        started = time.perf_counter()
        await read(room, place)
        times.append(time.perf_counter() - started)
    return median(times) * 1000
