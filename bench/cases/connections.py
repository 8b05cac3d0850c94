"""Connections: the cost of idle ones, the rate of connects, and everybody reconnecting at once."""

import time
from collections.abc import Sequence

import asyncpg

from bench.cases.fanout import EVERYBODY, compare
from bench.environment import Crowd, Environment, run
from bench.load.client import Shape, client, measure
from bench.machine import usage
from bench.process import progress
from bench.results import Line, at_least, at_most, medians
from bench.servers import OURS, SERVERS, hub

PING_SECONDS = 26  # a full heartbeat interval of all connections
STATISTICS_SECONDS = 11  # an idle Postgres connection reports its counters after 10


def idle(env: Environment) -> list[Line]:
    """10,000 connections, authenticated and joined to rooms of 10, that say nothing."""
    title, crowd = "10,000 idle connections", env.crowd(10_000, 1000)
    memory: dict[str, float] = {}
    heartbeat: dict[str, float] = {}
    for server in EVERYBODY:
        progress(f"  {server}")
        with SERVERS[server](env, crowd) as running:
            before = usage(running.pids).memory
            result = measure(env, crowd, running, Shape(seconds=PING_SECONDS))
        memory[server] = (result.memory - before) / crowd.users / 1000
        heartbeat[server] = result.server / result.seconds / crowd.users * 1e6
    return [
        at_most(Line(title, "memory each, KB", memory, ",.1f"), 6, "KB"),
        Line(title, "CPU each, microseconds a second", heartbeat, ",.2f"),
    ]


def connects(env: Environment) -> list[Line]:
    """5,000 connections, 64 at a time: upgrade, token, join; the peers let everybody in."""
    crowd = env.crowd(5000, 500)
    runs = compare(env, crowd, Shape(seconds=1), EVERYBODY)
    values = medians(runs, lambda result: crowd.users / result.ready_seconds)
    bound = [server for server, results in runs.items() if any(result.ready_client > 0.9 for result in results)]
    remark = f"limited by the load client: {', '.join(bound)}" if bound else ""
    return [at_least(Line("connecting and joining", "connections/s", values, remark=remark), 1)]


def storm(env: Environment) -> list[Line]:
    """10,000 clients in 100 rooms leave, 20 messages are sent in each, and all come back at once to hear them."""
    title = "10,000 come back at once"
    values = _storm(env)

    def line(measure: str, place: int, form: str) -> Line:
        return Line(title, measure, {OURS: values[place]}, form)

    return [
        line("seconds until all have caught up", 0, ",.2f"),
        at_most(line("database transactions per client", 1, ",.3f"), 0.05, ""),
        at_most(line("holes", 2, ",.0f"), 0, ""),
        line("hub's CPU, seconds", 3, ",.2f"),
        line("Postgres's transactions/s in the storm", 4, ",.0f"),
    ]


def _storm(env: Environment) -> Sequence[float]:
    crowd = env.crowd(10_000, 100)
    with hub(env, crowd) as running, client(env, crowd, running.ports, Shape(1, storm=20, in_flight=1000)) as load:
        progress("  connecting")
        load.event("ready")
        load.event("away")
        before, cpu_before = _transactions(crowd), usage(running.pids).cpu
        progress("  all come back")
        load.go_on()
        returned = load.event("returned")
        cpu = usage(running.pids).cpu - cpu_before
        transactions = _transactions(crowd) - before
    clients, holes = returned["clients"], returned["holes"] + returned["incomplete"]
    return returned["seconds"], transactions / clients, holes, cpu, transactions / returned["seconds"]


def _transactions(crowd: Crowd) -> int:
    """Count the transactions of a database, after its idle connections have reported theirs."""
    time.sleep(STATISTICS_SECONDS)

    async def count() -> int:
        connection = await asyncpg.connect(crowd.database_url)
        try:
            committed: int = await connection.fetchval(
                "select xact_commit from pg_stat_database where datname = current_database()"
            )
            return committed
        finally:
            await connection.close()

    return run(count())
