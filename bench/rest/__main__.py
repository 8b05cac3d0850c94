"""`python -m bench.rest [full]`: measures three heavy reads of OnSwift beside FastAPI with SQLAlchemy, on the same data.

Needs bench/rest/.venv with the packages of bench/rest/requirements.txt.
"""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bench import report
from bench.environment import KEY, Crowd, Environment, open_environment, run
from bench.machine import description, pinned, today, usage, wait_until_quiet
from bench.process import free_port, progress, serving
from bench.rest.data import fill
from bench.rest.load import Report, load, request
from bench.results import Line

HERE = Path(__file__).parent
OURS, PEER = "Greenroom", "FastAPI + SQLAlchemy"
SIZES = {"quick": (10_000, 100_000), "normal": (100_000, 1_000_000), "full": (1_000_000, 10_000_000)}
SECONDS = 6
RATE = 200
WORDS = ("editor", "photographer", "music videos", "typography", "senior animator", "podcasts", "Bace", "mobile apps")


Serve = Callable[[Environment, Crowd], AbstractContextManager[tuple[int, int]]]


class Measured(msgspec.Struct, frozen=True):
    """One read of one server: at full speed over 16 connections, and at 200 a second over 1,000 connections."""

    closed: Report
    cpu: float
    open: Report


def requests_of(crowd: Crowd) -> dict[str, list[bytes]]:
    """Return the requests by read."""
    tokens = [msgspec.json.decode(line)["token"] for line in crowd.tokens.read_text().splitlines()]
    rooms = crowd.conversations.read_text().split()
    creators = tokens[0::2]  # the seed alternates roles
    return {
        "project list": [request("/api/projects", token) for token in creators],
        "history page of 50": [
            request(f"/api/conversations/{rooms[i % len(rooms)]}/messages", token) for i, token in enumerate(tokens)
        ],
        "talent search": [
            request(f"/api/users/search?q={WORDS[i % len(WORDS)].replace(' ', '+')}", token)
            for i, token in enumerate(creators)
        ],
    }


@contextmanager
def ours(env: Environment, crowd: Crowd) -> Iterator[tuple[int, int]]:
    """Run this project's API."""
    port = free_port()
    command = [sys.executable, "-m", "cli", "api", "--port", str(port)]
    environment = env.environment(crowd.database_url)
    with serving(command, port, env.cores.hubs[0], env.folder / "api.log", environment) as pid:
        yield port, pid


@contextmanager
def peer(env: Environment, crowd: Crowd) -> Iterator[tuple[int, int]]:
    """Run the peer."""
    python = HERE / ".venv" / "bin" / "python"
    if not python.exists():
        raise SystemExit(
            "python3 -m venv bench/rest/.venv && bench/rest/.venv/bin/pip install -r bench/rest/requirements.txt"
        )
    port = free_port()
    url = crowd.database_url.replace("postgresql://", "postgresql+asyncpg://")
    environment = {**env.environment(crowd.database_url), "DATABASE_URL": url, "JWT_SECRET": KEY.partition(":")[2]}
    command: list[str | Path] = [python, "-m", "uvicorn", "bench.rest.peer:app", "--port", str(port), "--no-access-log"]
    with serving(command, port, env.cores.hubs[0], env.folder / "peer.log", environment) as pid:
        yield port, pid


def measure(port: int, pid: int, requests: Sequence[bytes]) -> Measured:
    """Warm up, measure at full speed, and at a fixed rate."""
    run(load(port, requests, 16, 1))
    before = usage([pid])
    closed = run(load(port, requests, 16, SECONDS))
    cpu = usage([pid]).cpu - before.cpu
    return Measured(closed, cpu, run(load(port, requests, 1000, SECONDS, RATE)))


def lines(case: str, ours: Measured, peer: Measured) -> list[Line]:
    """Return the lines for one read."""
    rate = {OURS: len(ours.closed.delays) / ours.cpu, PEER: len(peer.closed.delays) / peer.cpu}
    ratio = rate[OURS] / rate[PEER]
    p50, p99 = ({OURS: ours.open.percentile(share), PEER: peer.open.percentile(share)} for share in (0.5, 0.99))
    return [
        Line(case, "answers a second", {OURS: ours.closed.rate, PEER: peer.closed.rate}),
        Line(case, "answers per CPU second", rate),
        Line(case, "the same, ours by theirs", {OURS: ratio, PEER: 1}, ".1f", "at least 3", ratio >= 3),
        Line(case, "p50 at 200/s, ms", p50, ",.1f", "under 5", p50[OURS] < 5),
        Line(case, "p99 at 200/s, ms", p99, ",.1f", "under 50", p99[OURS] < 50),
        Line(case, "errors", {OURS: failures(ours), PEER: failures(peer)}, ",.0f", "none", failures(ours) == 0),
    ]


def failures(measured: Measured) -> int:
    """Return the number of answers other than 200."""
    return measured.closed.failures + measured.open.failures


def main(arguments: Sequence[str]) -> int:
    """Measure and write the page; returns 1 if a goal was missed."""
    parser = ArgumentParser(prog="bench.rest", description=__doc__)
    parser.add_argument("size", nargs="?", default="normal", choices=SIZES)
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="wait so long for a quiet machine")
    parser.add_argument("--out", type=Path, help="the page to write")
    args = parser.parse_args(arguments)
    talents, messages = SIZES[args.size]
    notes = [
        description(),
        f"{talents:,} talents, {messages:,} messages",
        f"load {wait_until_quiet(args.wait):.2f} before",
    ]
    found: list[Line] = []
    with TemporaryDirectory(prefix="greenroom-bench-") as folder, open_environment(Path(folder), 1) as env:
        crowd = env.crowd(1000, 100)
        started = time.monotonic()
        progress("filling the database")
        run(fill(crowd, talents, messages))
        progress(f"filled in {time.monotonic() - started:.0f} s")
        measured = {name: _all_reads(env, crowd, serve) for name, serve in ((OURS, ours), (PEER, peer))}
    for case in measured[OURS]:
        found += lines(case, measured[OURS][case], measured[PEER][case])
    report.show(found)
    out = args.out or HERE.parent / "results" / f"{today()}-rest-{args.size}.md"
    report.write(out, found, notes)
    print(f"Written: {out}")
    return int(any(line.reached is False for line in found))


def _all_reads(env: Environment, crowd: Crowd, serve: Serve) -> dict[str, Measured]:
    results: dict[str, Measured] = {}
    with serve(env, crowd) as (port, pid), pinned((env.cores.client,)):
        for case, requests in requests_of(crowd).items():
            progress(f"  {case}")
            results[case] = measure(port, pid, requests)
    return results


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
