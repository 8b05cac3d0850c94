"""One client attacks while an honest one sends and reads: how long does the honest one wait?

All come from one address. Only the honest user's own rates are raised; the attacker meets the shipped limits.
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

from bench.environment import Crowd, Environment, run
from bench.machine import usage
from bench.neighbours.attacks import (
    OF_SOCKETS,
    TEN_WITH_LOGIN,
    TEN_WITHOUT_LOGIN,
    WITH_LOGIN,
    WITHOUT_LOGIN,
    Attack,
    Target,
    calendar,
)
from bench.neighbours.honest import Honest, Waits, percentile
from bench.process import free_port, progress, serving
from bench.results import Line, at_most
from bench.servers import NODE, OURS, Running, node
from core.platform.tokens import KeyRing

ACK_MS, PAGE_MS, MEMORY_MB = 50, 100, 64
WARNINGS = 20  # a line a minute for each limit hit, and other warnings of the processes
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


class Attackers(msgspec.Struct, frozen=True):
    """The attackers beside the honest user."""

    name: str
    attacks: tuple[Attack, ...] = ()
    with_login: bool = False

    @property
    def title(self) -> str:
        """How its lines are called."""
        return f"{self.name}, {'with' if self.with_login else 'without'} login" if self.attacks else self.name


class Beside(msgspec.Struct, frozen=True):
    """The result of one attack: the honest user's waits, the growth of the processes in bytes, and their warnings.

    `limited`: the number of refusals in their metrics; None for a peer, which has none.
    """

    waits: Waits
    growth: int
    warnings: int = 0
    limited: float | None = None


def neighbours(env: Environment, seconds: float) -> list[Line]:
    """Run every attack alone, and ten at once, without login and with one; also beside Node where it supports it."""
    crowd = env.crowd(40, 4)
    run(_fill_calendar(crowd))
    lines: list[Line] = []
    for attackers in (
        Attackers("no attacker"),
        *(Attackers(_name(one), (one,)) for one in WITHOUT_LOGIN),
        *(Attackers(_name(one), (one,), with_login=True) for one in WITH_LOGIN),
        Attackers("ten at once", TEN_WITHOUT_LOGIN),
        Attackers("ten at once", TEN_WITH_LOGIN, with_login=True),
    ):
        progress(f"  {attackers.title}")
        lines += _lines(attackers.title, beside(env, crowd, attackers, seconds))
    return lines


def _name(attack: Attack) -> str:
    return attack.__name__.replace("_", " ")


def beside(env: Environment, crowd: Crowd, attackers: Attackers, seconds: float) -> dict[str, Beside]:
    """Measure the honest user beside attackers, on our servers and, where possible, on Node."""
    results = {OURS: ours(env, crowd, attackers, seconds)}
    if OF_SOCKETS.issuperset(attackers.attacks):
        with node(env, crowd) as running:
            (port,) = running.ports
            target = Target(port, port, "node" if attackers.with_login else "", "room")
            honest = Honest(port, f"http://127.0.0.1:{port}/", "", "room")
            results[NODE] = _measure(running, attackers, target, honest, seconds)
    return results


def ours(env: Environment, crowd: Crowd, attackers: Attackers, seconds: float) -> Beside:
    """Measure the honest user of our own hub and API."""
    _forget_limits(env)
    tokens = [msgspec.json.decode(line)["token"] for line in crowd.tokens.read_text().splitlines()]
    honest, attacker = tokens[4], tokens[0]  # of one room
    room = crowd.conversations.read_text().split()[0]
    with serving_ours(env, crowd, honest) as running:
        hub, api = running.ports
        feed = _feed(api, attacker) if calendar in attackers.attacks else ""
        target = Target(hub, api, attacker if attackers.with_login else "", room, feed)
        page = f"http://127.0.0.1:{api}/api/conversations/{room}/messages?limit=50"
        before = _warnings(env)
        result = _measure(running, attackers, target, Honest(hub, page, honest, room), seconds)
        limited = sum(map(_limited, running.ports))
        return msgspec.structs.replace(result, warnings=_warnings(env) - before, limited=limited)


def _warnings(env: Environment) -> int:
    lines = "".join(log.read_text() for log in env.folder.glob("neighbours-*.log")).splitlines()
    return sum(" WARNING " in line or " ERROR " in line for line in lines)


def _limited(port: int) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("greenroom_limited_total"))


@contextmanager
def serving_ours(env: Environment, crowd: Crowd, honest: str) -> Iterator[Running]:
    """Run a hub and an API, which limit everybody, and the honest user less than others."""
    settings = env.settings(crowd.database_url)
    user_id = KeyRing(settings).access(honest).user_id
    environment = env.environment(crowd.database_url) | {
        "GREENROOM_LOG_LEVEL": "INFO",
        "GREENROOM_RATE_LIMITS": "on",
        "GREENROOM_RAISED_LIMITS": f"{user_id}:{RAISED}",
    }
    with ExitStack() as stack:
        ports, pids = (free_port(), free_port()), []
        for name, port in zip(("hub", "api"), ports, strict=True):
            command = [sys.executable, "-m", "cli", name, "--port", str(port)]
            log = env.folder / f"neighbours-{name}.log"
            pids.append(stack.enter_context(serving(command, port, None, log, environment)))
        yield Running(ports, tuple(pids))


def _measure(running: Running, attackers: Attackers, target: Target, honest: Honest, seconds: float) -> Beside:
    before = usage(running.pids).memory

    async def both() -> tuple[Waits, int]:
        watching = asyncio.create_task(_watch(running))
        waits = await honest.run(seconds)
        watching.cancel()
        return waits, await watching

    with _attacking(attackers, target):
        waits, most = run(both())
    return Beside(waits, max(most - before, 0))


async def _watch(running: Running) -> int:
    """Return the peak memory of the servers, when cancelled."""
    most = 0
    while True:
        most = max(most, usage(running.pids).memory)
        try:
            await asyncio.sleep(LOOK_SECONDS)
        except asyncio.CancelledError:
            return most


@contextmanager
def _attacking(attackers: Attackers, target: Target) -> Iterator[None]:
    names = [one.__name__ for one in attackers.attacks]
    command = [sys.executable, "-m", "bench.neighbours.attacks", *names]
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
        at_most(Line(title, "warnings in the log", {OURS: results[OURS].warnings}), WARNINGS, ""),
        Line(title, "times limited", {OURS: results[OURS].limited or 0}),
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


def _forget_limits(env: Environment) -> None:
    """Reset the limits, so that each attack begins with full budgets."""
    with Redis.from_url(env.redis.url) as redis:
        redis.flushall()
