"""The result of a run: read from Locust's tables, written as a page with a chart."""

import csv
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.locust.chart import Point, chart
from bench.locust.story import Happening
from bench.machine import today

HEARD = "message:received"
SHARES = ("50%", "95%", "99%", "100%")
ABOUT = """\
Written by `python -m bench.locust` on {date}: {people} (three quarters of them on sockets, the others over REST), in groups
of ten, through nginx as shipped, with two hubs, an api, a worker, Postgres and two Redis servers; {machine},
which all of them share with Locust. [bench/README.md](../bench/README.md) explains how to run it, also against your own
deployment.

## Events during the run

![Time until users received their own messages](load.svg)

{happenings}

Clients that lose their connection reconnect by themselves, join with the version they have seen, and repeat unacknowledged
messages with the same client id. So the run counts whether any user saw an error, or did not receive an own message:
**{failures}** of {requests:,} requests failed; {heard:,} messages were received by their senders. The processes
logged {errors}.
"""
COLUMNS = """
## Latencies

| | requests | failed | p50, ms | p95, ms | p99, ms | longest, ms |
|---|---|---|---|---|---|---|
"""
AFTER = """
`message:received` and `message:send` are measured from the first try, so they include the time without a hub.

Locust used {locust:.2f} cores, the whole machine {machine:.2f} of {cores}: this is a story, not the limit, which
`make bench` measures.
"""


class Run(msgspec.Struct, frozen=True):
    """Data that is not in Locust's tables; `locust` and `machine` are busy cores."""

    happenings: list[Happening]
    seconds: float
    locust: float
    machine: float


class Row(msgspec.Struct, frozen=True):
    """One kind of request."""

    name: str
    requests: int
    failures: int
    milliseconds: tuple[float, ...]  # by SHARES


class Report(msgspec.Struct, frozen=True):
    """All of it."""

    run: Run
    rows: list[Row]
    points: list[Point]
    complaints: list[str]
    errors: dict[str, int]

    @property
    def failures(self) -> int:
        """Return how many requests failed."""
        return sum(row.failures for row in self.rows)


def read(prefix: Path, run: Run, errors: dict[str, int]) -> Report:
    """Read the tables that Locust wrote by `--csv prefix --csv-full-history`."""
    rows = [_row(cells) for cells in _table(f"{prefix}_stats.csv") if cells["Name"] != "Aggregated"]
    history = [cells for cells in _table(f"{prefix}_stats_history.csv") if cells["Name"] == HEARD]
    began = int(_table(f"{prefix}_stats_history.csv")[0]["Timestamp"])
    points = [
        Point(int(cells["Timestamp"]) - began, float(cells["50%"]), float(cells["99%"]))
        for cells in history
        if cells["50%"] != "N/A"
    ]
    complaints = [
        f"{one['Occurrences']} x {one['Method']} {one['Name']}: {one['Error']}"
        for one in _table(f"{prefix}_failures.csv")
    ]
    return Report(run, rows, points, complaints, errors)


def _table(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def _row(cells: dict[str, str]) -> Row:
    name = f"{cells['Type']} {cells['Name']}"
    return Row(
        name, int(cells["Request Count"]), int(cells["Failure Count"]), tuple(float(cells[one]) for one in SHARES)
    )


def write(folder: Path, report: Report, people: str, machine: str) -> None:
    """Write load.md and load.svg."""
    heard = next((row.requests - row.failures for row in report.rows if row.name.endswith(HEARD)), 0)
    logged = ", ".join(f"{count} errors of {name}" for name, count in report.errors.items() if count) or "no error"
    about = ABOUT.format(
        date=today(), people=people, machine=machine, happenings=_listed(report.run.happenings), failures=report.failures,
        requests=sum(row.requests for row in report.rows), heard=heard, errors=logged,
    )  # fmt: skip
    after = AFTER.format(locust=report.run.locust, machine=report.run.machine, cores=machine.partition(" ")[0])
    about += "".join(f"\n- {one}" for one in report.complaints)
    table = COLUMNS + "\n".join(map(_line, report.rows)) + "\n"
    (folder / "load.md").write_text(f"# A load story\n\n{about}\n{table}{after}")
    (folder / "load.svg").write_text(chart(report.points, report.run.happenings, report.run.seconds))


def _listed(happenings: Sequence[Happening]) -> str:
    return "\n".join(f"{number}. {one.at:.0f} s: {one.title}" for number, one in enumerate(happenings, 1))


def _line(row: Row) -> str:
    times = " | ".join(f"{one:,.0f}" for one in row.milliseconds)
    return f"| {row.name} | {row.requests:,} | {row.failures:,} | {times} |"
