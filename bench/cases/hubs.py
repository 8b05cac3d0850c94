"""Two hubs: the cost of rooms spread over both."""

from statistics import median

from bench.cases.fanout import measure_alone
from bench.environment import Environment
from bench.load.client import Result, Shape
from bench.process import progress
from bench.results import Line
from bench.servers import Serve
from bench.servers import hubs as so_many

ONE, TWO = "one hub", "two hubs"
MEMBERS = 10
SERVERS: dict[str, Serve] = {ONE: so_many(1), TWO: so_many(2)}


def hubs(env: Environment) -> list[Line]:
    """2,000 messages/s into 100 rooms of 10, half of whose members are on the other hub."""
    title, crowd = "2,000 msg/s, one hub or two", env.crowd(1000, 100)
    runs: dict[str, list[Result]] = {ONE: [], TWO: []}
    for turn in range(env.rounds):
        for name, serve in SERVERS.items():
            progress(f"  round {turn + 1}: {name}")
            runs[name].append(measure_alone(env, crowd, serve, Shape(senders=2, rate=2000)))

    def line(measure: str, form: str, values: dict[str, float]) -> Line:
        return Line(title, measure, values, form)

    both = list(SERVERS)
    cpu = {name: median(result.server / result.sent * 1e6 for result in runs[name]) for name in both}
    redis = {name: median(result.redis / result.sent * 1e6 for result in runs[name]) for name in both}
    lines = [
        line("hubs' CPU per delivery, microseconds", ",.2f", {name: cpu[name] / MEMBERS for name in both}),
        line("hubs' CPU per message, microseconds", ",.1f", cpu),
        line("Redis's CPU per message, microseconds", ",.1f", redis),
        line("p50, ms", ",.2f", {name: median(result.p50 for result in runs[name]) for name in both}),
        line("p99, ms", ",.2f", {name: median(result.p99 for result in runs[name]) for name in both}),
    ]
    return [
        *lines,
        line("the bus, microseconds of hubs' CPU per message", ",.1f", {TWO: cpu[TWO] - cpu[ONE]}),
        *_closed_loop(env, title),
    ]


def _closed_loop(env: Environment, title: str) -> list[Line]:
    """Compare the throughput of both, if each hub has its own core."""
    first, second = env.cores.hubs
    if first == second:
        return []
    crowd, shape = env.crowd(1000, 100), Shape(senders=2)
    values = {name: measure_alone(env, crowd, serve, shape).deliveries for name, serve in SERVERS.items()}
    reached = values[TWO] >= 1.6 * values[ONE]
    return [Line(title, "deliveries/s", values, goal="two at least 1.6 x one", reached=reached)]
