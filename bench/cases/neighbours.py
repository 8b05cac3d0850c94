"""One client does its worst, and another one, who is honest, talks and reads beside it: how long does she wait?

All come from one address. Only the honest user's own rates are raised; what meets the attacker is as it is shipped.
"""

import asyncio
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import asyncpg
import msgspec
from redis import Redis

from bench.house import Crowd, House, run
from bench.machine import usage
from bench.neighbours import attacks
from bench.neighbours.attacks import OF_SOCKETS, WITH_LOGIN, WITHOUT_LOGIN, Attack, Target
from bench.neighbours.honest import Honest, Waits, percentile
from bench.process import free_port, progress, serving
from bench.results import Line, at_most
from bench.servers import NODE, OURS, Running, node
from core.tokens import KeyRing

ACK_MS, PAGE_MS, MEMORY_MB = 50, 100, 64
RAISED = 100
TASKS = 3000
LOOK_SECONDS = 0.25

FILL_CALENDAR = """
    with project as (
        insert into onswift.projects (id, creator_id, name, description, due_date, created_at, updated_at)
        values (gen_random_uuid(), $1, 'Project', repeat('d', 5000), current_date + 9, now(), now()) returning id
    )
    insert into onswift.tasks (id, project_id, name, description, assignee_id, due_date, created_at, updated_at)
    select gen_random_uuid(), project.id, 'Task ' || i, repeat('d', 5000), $1, current_date + i % 300, now(), now()
    from project, generate_series(1, $2) i"""


class Beside(msgspec.Struct, frozen=True):
    """What came of one attack: the honest user's waits, and how much the processes have grown, in bytes."""

    waits: Waits
    growth: int


def neighbours(house: House, seconds: float) -> list[Line]:
    """Run every attack, without login and with one, beside ours and, where it serves such a thing, beside Node."""
    crowd = house.crowd(40, 4)
    run(_fill_calendar(crowd))
    lines = _lines("nobody else", _beside(house, crowd, None, with_login=False, seconds=seconds))
    for with_login, attack in [(False, one) for one in WITHOUT_LOGIN] + [(True, one) for one in WITH_LOGIN]:
        title = f"{_name(attack)}, {'with' if with_login else 'without'} login"
        lines += _lines(title, _beside(house, crowd, attack, with_login=with_login, seconds=seconds))
    return lines


def _name(attack: Attack) -> str:
    return attack.__name__.replace("_", " ")


def _beside(
    house: House, crowd: Crowd, attack: Attack | None, *, with_login: bool, seconds: float
) -> dict[str, Beside]:
    progress(f"  {_name(attack) if attack else 'nobody'}{', with login' if with_login else ''}")
    results = {OURS: _ours(house, crowd, attack, with_login=with_login, seconds=seconds)}
    if attack is None or attack in OF_SOCKETS:
        with node(house, crowd) as running:
            (port,) = running.ports
            target = Target(port, port, "node" if with_login else "", "room")
            results[NODE] = _measure(
                running, attack, target, Honest(port, f"http://127.0.0.1:{port}/", "", "room"), seconds
            )
    return results


def _ours(house: House, crowd: Crowd, attack: Attack | None, *, with_login: bool, seconds: float) -> Beside:
    _forget_limits(house)
    tokens = [msgspec.json.decode(line)["token"] for line in crowd.tokens.read_text().splitlines()]
    honest, attacker = tokens[4], tokens[0]  # of one room
    room = crowd.conversations.read_text().split()[0]
    with serving_ours(house, crowd, honest) as running:
        hub, api = running.ports
        feed = _feed(api, attacker) if attack is attacks.calendar else ""
        target = Target(hub, api, attacker if with_login else "", room, feed)
        page = f"http://127.0.0.1:{api}/api/conversations/{room}/messages?limit=50"
        return _measure(running, attack, target, Honest(hub, page, honest, room), seconds)


@contextmanager
def serving_ours(house: House, crowd: Crowd, honest: str) -> Iterator[Running]:
    """Run a hub and an API, which limit everybody, and the honest user less than others."""
    settings = house.settings(crowd.database_url)
    user_id = KeyRing(settings).access(honest).user_id
    environment = house.environment(crowd.database_url) | {
        "GREENROOM_RATE_LIMITS": "on",
        "GREENROOM_RAISED_LIMITS": f"{user_id}:{RAISED}",
    }
    with ExitStack() as stack:
        ports, pids = (free_port(), free_port()), []
        for name, port in zip(("hub", "api"), ports, strict=True):
            command = [sys.executable, "-m", "cli", name, "--port", str(port)]
            log = house.folder / f"neighbours-{name}.log"
            pids.append(stack.enter_context(serving(command, port, None, log, environment)))
        yield Running(ports, tuple(pids))


def _measure(running: Running, attack: Attack | None, target: Target, honest: Honest, seconds: float) -> Beside:
    before = usage(running.pids).memory

    async def both() -> tuple[Waits, int]:
        watching = asyncio.create_task(_watch(running))
        waits = await honest.run(seconds)
        watching.cancel()
        return waits, await watching

    with _attacking(attack, target):
        waits, most = run(both())
    return Beside(waits, max(most - before, 0))


async def _watch(running: Running) -> int:
    """Return the most memory that the servers have had, when it is cancelled."""
    most = 0
    while True:
        most = max(most, usage(running.pids).memory)
        try:
            await asyncio.sleep(LOOK_SECONDS)
        except asyncio.CancelledError:
            return most


@contextmanager
def _attacking(attack: Attack | None, target: Target) -> Iterator[None]:
    if attack is None:
        yield
        return
    command = [sys.executable, "-m", "bench.neighbours.attacks", attack.__name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            assert process.stdin  # noqa: S101 - it is a pipe
            process.stdin.write(msgspec.json.encode(target))
            process.stdin.close()
            yield
        finally:
            process.kill()


def _lines(title: str, results: dict[str, Beside]) -> list[Line]:
    def line(measure: str, value: Callable[[Beside], float], limit: float, unit: str) -> Line:
        values = {server: value(result) for server, result in results.items()}
        return at_most(Line(title, measure, values, ",.1f"), limit, unit)

    return [
        line("ack, p99 ms", lambda result: percentile(result.waits.acks, 0.99), ACK_MS, "ms"),
        line("page, p99 ms", lambda result: percentile(result.waits.pages, 0.99), PAGE_MS, "ms"),
        line("failures", lambda result: result.waits.failures, 0, ""),
        line("memory grown, MB", lambda result: result.growth / 1e6, MEMORY_MB, "MB"),
    ]


def _feed(api: int, token: str) -> str:
    """Return the path of the attacker's calendar feed."""
    asked = urllib.request.Request(
        f"http://127.0.0.1:{api}/api/calendar/feed", b"", {"Authorization": f"Bearer {token}"}, method="POST"
    )
    with urllib.request.urlopen(asked) as answer:  # noqa: S310 - the same
        url: str = msgspec.json.decode(answer.read())["url"]
    return "/api/" + url.partition("/api/")[2]


async def _fill_calendar(crowd: Crowd) -> None:
    connection = await asyncpg.connect(crowd.database_url)
    try:
        first = await connection.fetchval("select id from users where role = 'creator' order by id limit 1")
        await connection.execute(FILL_CALENDAR, first, TASKS)
    finally:
        await connection.close()


def _forget_limits(house: House) -> None:
    """Let each attack begin with full budgets."""
    with Redis.from_url(house.redis.url) as redis:
        redis.flushall()
