"""Messages to rooms: throughput, latency and CPU."""

from collections.abc import Sequence

import msgspec

from bench.environment import Crowd, Environment
from bench.load.client import Result, Shape, measure
from bench.process import progress
from bench.results import Line, Runs, at_least, client_bound, medians, no_worse, spread
from bench.servers import FLOOR, NODE, OURS, PYTHON, SERVERS, Serve

EVERYBODY = (OURS, NODE, PYTHON, FLOOR)
SHARE_OF_SMALL_ROOM = 0.8


def many_rooms(env: Environment) -> list[Line]:
    """100 rooms of 10, 2 senders each, closed loop."""
    title = "100 rooms x 10"
    runs = compare(env, env.crowd(1000, 100), Shape(senders=2), EVERYBODY)
    return _throughput(title, runs, 1.5)


def one_room(env: Environment) -> list[Line]:
    """1 room of 500, 5 senders with 2 messages under way each."""
    runs = compare(env, env.crowd(500, 1), Shape(senders=5, window=2), EVERYBODY)
    return _throughput("1 room x 500", runs, 5)


def huge_room(env: Environment) -> list[Line]:
    """1 room of 10,000, 5 senders with 2 messages under way each; ours beside a room of 500 in the same rounds."""
    title, shape = "1 room x 10,000", Shape(senders=5, window=2)
    runs = compare(env, env.crowd(10_000, 1), shape, (OURS, NODE, FLOOR))
    small = compare(env, env.crowd(500, 1), shape, (OURS,))
    lines = _throughput(title, runs, None)
    share = medians(runs, _per_cpu)[OURS] / medians(small, _per_cpu)[OURS]
    values = {OURS: share * 100}
    goal = "at least 80 %"
    return [
        *lines,
        Line(title, "deliveries per CPU second, % of 1 x 500's", values, ",.0f", goal, share >= SHARE_OF_SMALL_ROOM),
    ]


def open_loop(env: Environment) -> list[Line]:
    """2,000 messages/s into 100 rooms of 10, whether or not the server keeps up."""
    title = "2,000 msg/s into 100 x 10"
    runs = compare(env, env.crowd(1000, 100), Shape(senders=2, rate=2000), EVERYBODY)
    return [
        no_worse(Line(title, "p50, ms", medians(runs, lambda result: result.p50), ",.2f", remark=_remark(runs))),
        no_worse(Line(title, "p99, ms", medians(runs, lambda result: result.p99), ",.2f")),
        Line(title, "p99.9, ms", medians(runs, lambda result: result.p999), ",.2f"),
        Line(title, "deliveries/s", medians(runs, _deliveries), remark=spread(runs, _deliveries)),
        Line(title, "server's core used, %", medians(runs, lambda result: 100 * result.server / result.seconds)),
    ]


def compare(env: Environment, crowd: Crowd, shape: Shape, servers: Sequence[str]) -> Runs:
    """Measure the servers in turn, round by round, so that a slow minute of the machine affects all alike."""
    runs: Runs = {server: [] for server in servers}
    for turn in range(env.rounds):
        for server in servers:
            progress(f"  round {turn + 1}: {server}")
            runs[server].append(measure_alone(env, crowd, SERVERS[server], shape))
    return runs


def measure_alone(env: Environment, crowd: Crowd, serve: Serve, shape: Shape) -> Result:
    """Start a server, measure it, and end it."""
    with serve(env, crowd) as running:
        return measure(env, crowd, running, shape)


def _deliveries(result: Result) -> float:
    return result.deliveries


def _per_cpu(result: Result) -> float:
    return result.per_cpu_second


def _throughput(title: str, runs: Runs, goal: float | None) -> list[Line]:
    deliveries = Line(title, "deliveries/s", medians(runs, _deliveries), remark=_remark(runs))
    lines = [
        deliveries if goal is None else at_least(deliveries, goal),
        Line(title, "messages/s", medians(runs, lambda result: result.sent / result.seconds)),
        Line(title, "deliveries per CPU second", medians(runs, _per_cpu)),
        Line(title, "p50, ms", medians(runs, lambda result: result.p50), ",.2f"),
        Line(title, "p99, ms", medians(runs, lambda result: result.p99), ",.2f"),
        Line(
            title, "reads and writes per delivery", medians(runs, lambda result: result.calls / result.received), ",.3f"
        ),
        Line(title, "bytes per delivery", medians(runs, lambda result: result.bytes_read / result.received)),
        Line(title, "server's core used, %", medians(runs, lambda result: 100 * result.server / result.seconds)),
        Line(title, "load client's core: client, %", medians(runs, lambda result: 100 * result.client)),
        Line(title, "load client's core: all, %", medians(runs, lambda result: 100 * result.client_core)),
        Line(
            title,
            "Postgres, % of a core",
            medians({OURS: runs[OURS]}, lambda result: 100 * result.postgres / result.seconds),
        ),
    ]
    return [
        msgspec.structs.replace(lines[0], remark=f"{_remark(runs)}; {spread(runs, _deliveries)}".strip("; ")),
        *lines[1:],
    ]


def _remark(runs: Runs) -> str:
    bound = client_bound(runs)
    return f"limited by the load client: {', '.join(bound)}" if bound else ""
