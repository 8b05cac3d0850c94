"""Rooms of other sizes on one hub, two and four, to verify the predictions of bench/capacity.py."""

from collections.abc import Callable
from statistics import median

from bench.cases.fanout import measure_alone
from bench.environment import Crowd, Environment
from bench.load.client import Result, Shape
from bench.process import progress
from bench.results import Line
from bench.servers import hubs

CONNECTIONS = 1000
MEMBERS = (4, 10, 20)
HUBS = (1, 2, 4)
SECONDS = 3
SENDERS = 200  # of all rooms, in the closed loop


def shapes(env: Environment) -> list[Line]:
    """1,000 messages/s of 1,000 connections in rooms of 4, 10 and 20 on one hub, two and four; and a closed loop on one hub."""
    crowds = {members: env.crowd(CONNECTIONS, CONNECTIONS // members) for members in MEMBERS}
    runs: dict[tuple[int, int], list[Result]] = {(members, count): [] for members in MEMBERS for count in HUBS}
    closed: dict[int, list[Result]] = {members: [] for members in MEMBERS}
    for turn in range(env.rounds):
        for members, crowd in crowds.items():
            progress(f"  round {turn + 1}: rooms of {members}")
            for count in HUBS:
                runs[members, count].append(_run(env, crowd, count, Shape(senders=4, rate=1000, seconds=SECONDS)))
            closed[members].append(_run(env, crowd, 1, Shape(senders=max(1, SENDERS // crowd.rooms), seconds=SECONDS)))
    lines = [line for members in MEMBERS for line in _spread(members, {count: runs[members, count] for count in HUBS})]
    per_message = {f"{members} members": median(map(_hubs, closed[members])) for members in MEMBERS}
    return [*lines, Line("closed loop, one hub", "hub's CPU per message, microseconds", per_message, ",.1f")]


def _run(env: Environment, crowd: Crowd, count: int, shape: Shape) -> Result:
    result = measure_alone(env, crowd, hubs(count), shape)
    progress(
        f"    {count} hubs: {_hubs(result):.1f} microseconds a message, {result.sent / result.seconds:.0f} messages/s"
    )
    return result


def _spread(members: int, runs: dict[int, list[Result]]) -> list[Line]:
    def line(measure: str, value: Callable[[Result], float]) -> Line:
        values = {f"hubs: {count}": median(map(value, results)) for count, results in runs.items()}
        return Line(f"1,000 msg/s into rooms of {members}", measure, values, ",.1f")

    return [
        line("hubs' CPU per message, microseconds", _hubs),
        line("Redis's CPU per message, microseconds", lambda result: result.redis / result.sent * 1e6),
        line("Postgres's CPU per message, microseconds", lambda result: result.postgres / result.sent * 1e6),
    ]


def _hubs(result: Result) -> float:
    return result.server / result.sent * 1e6
