"""Results of cases: lines of numbers, by server or by size, with their goals."""

from collections.abc import Callable, Sequence
from statistics import median

import msgspec

from bench.load.client import Result
from bench.servers import NODE, OURS


class Line(msgspec.Struct, frozen=True):
    """One measure: a value per column, its format, and whether it reached its goal (None: it has none)."""

    case: str
    measure: str
    values: dict[str, float]
    form: str = ",.0f"
    goal: str = ""
    reached: bool | None = None
    remark: str = ""

    @property
    def ratio(self) -> float | None:
        """Return our value divided by Node's."""
        ours, peer = self.values.get(OURS), self.values.get(NODE)
        return ours / peer if ours is not None and peer else None


Runs = dict[str, list[Result]]


def medians(runs: Runs, value: Callable[[Result], float]) -> dict[str, float]:
    """Return the median over the rounds, by server."""
    return {server: median(map(value, results)) for server, results in runs.items()}


def at_least(line: Line, ratio: float) -> Line:
    """Hold a line to a ratio to Node."""
    reached = line.ratio is not None and line.ratio >= ratio
    return msgspec.structs.replace(line, goal=f"at least {ratio:g} x Node", reached=reached)


def no_worse(line: Line) -> Line:
    """Hold a line of delays to Node's."""
    reached = line.ratio is not None and line.ratio <= 1
    return msgspec.structs.replace(line, goal="no more than Node", reached=reached)


def at_most(line: Line, limit: float, unit: str) -> Line:
    """Hold our value to a limit."""
    return msgspec.structs.replace(line, goal=f"at most {limit:g} {unit}".strip(), reached=line.values[OURS] <= limit)


def client_bound(runs: Runs) -> list[str]:
    """Return the servers whose runs were limited by the load client."""
    return [server for server, results in runs.items() if any(result.client_bound for result in results)]


def spread(runs: Runs, value: Callable[[Result], float]) -> str:
    """Describe the spread of our rounds and Node's."""
    parts = [
        f"{server} {_percent([value(result) for result in runs[server]])}" for server in (OURS, NODE) if server in runs
    ]
    return "rounds within " + ", ".join(parts) + " of the median"


def _percent(values: Sequence[float]) -> str:
    middle = median(values)
    return f"{max(abs(value - middle) for value in values) / middle:.0%}" if middle else "0%"
