"""`python -m bench [quick|full] [CASE ...]`: measures the hub beside its peers and writes a page into bench/results."""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import report
from bench.cases import commits, connections, door, fanout, growth, hubs, neighbours, shapes
from bench.environment import Environment, open_environment
from bench.load.client import Bench
from bench.machine import QUIET_LOAD, cores, description, today, wait_until_quiet
from bench.process import progress
from bench.results import Line
from bench.servers import FLOOR

Case = Callable[[Environment], list[Line]]
RESULTS = Path(__file__).parent / "results"
SIZES = ("quick", "normal", "full")
ROUNDS = {"quick": 1, "normal": 3, "full": 3}
ROOMS = {"quick": (100, 10_100), "normal": (100, 1100, 10_100, 100_100), "full": (100, 1100, 10_100, 100_100)}
MESSAGES = {
    "quick": (10_000, 100_000),
    "normal": (10_000, 100_000, 1_000_000),
    "full": (10_000, 100_000, 1_000_000, 10_000_000),
}

SECONDS_BESIDE = {"quick": 5, "normal": 20, "full": 20}


def cases(size: str) -> dict[str, Case]:
    """Return the cases by name, in the order in which they are run."""
    return {
        "many-rooms": fanout.many_rooms,
        "one-room": fanout.one_room,
        "huge-room": fanout.huge_room,
        "open-loop": fanout.open_loop,
        "hubs": hubs.hubs,
        "shapes": shapes.shapes,
        "door": door.door,
        "commits": commits.commits,
        "idle": connections.idle,
        "connects": connections.connects,
        "storm": connections.storm,
        "rooms": partial(growth.rooms, sizes=ROOMS[size]),
        "messages": partial(growth.messages, sizes=MESSAGES[size]),
        "neighbours": partial(neighbours.neighbours, seconds=SECONDS_BESIDE[size]),
    }


QUICK = ("many-rooms", "one-room", "open-loop", "connects", "messages")


def main(arguments: Sequence[str]) -> int:
    """Run the cases; returns 1 if one could not be measured."""
    parser = ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("what", nargs="*", help=f"quick, full, or cases: {', '.join(cases('normal'))}")
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="wait so long for a quiet machine")
    parser.add_argument("--out", type=Path, help="the page to write")
    args = parser.parse_args(arguments)
    size = next((word for word in args.what if word in SIZES), "normal")
    chosen = [word for word in args.what if word not in SIZES] or list(QUICK if size == "quick" else cases(size))
    if unknown := sorted(set(chosen) - set(cases(size))):
        parser.error(f"there is no case {', '.join(unknown)}")
    notes = [description(), _cores(), _load(wait_until_quiet(args.wait))]
    started = time.monotonic()
    lines, problems = _run(size, chosen)
    report.show(lines)
    notes.append(
        f"{' '.join(args.what) or 'all cases'}: {time.monotonic() - started:.0f} s, medians of {ROUNDS[size]} rounds"
    )
    out = (
        args.out or RESULTS / f"{'-'.join([today(), *args.what])}.md"
    )  # a partial run must not replace the page of a full one
    report.write(out, lines, [*notes, *problems])
    print(f"Written: {out}", *problems, sep="\n")
    return 1 if problems else 0


def _run(size: str, chosen: Sequence[str]) -> tuple[list[Line], list[str]]:
    lines: list[Line] = []
    problems: list[str] = []
    with TemporaryDirectory(prefix="greenroom-bench-") as folder, open_environment(Path(folder), ROUNDS[size]) as env:
        for place, name in enumerate(chosen, 1):
            progress(f"{place}/{len(chosen)} {name}")
            try:
                lines += cases(size)[name](env)
            except Bench as problem:
                problems.append(f"{name} could not be measured: {problem}")
                progress(problems[-1])
    return lines, problems + [f"{line.case}: {line.remark}" for line in lines if _is_client_bound(line)]


def _is_client_bound(line: Line) -> bool:
    # If the client cannot keep up with the floor, the floor is only lower still.
    limited, _, names = line.remark.partition(";")[0].partition(": ")
    return limited == "limited by the load client" and set(names.split(", ")) != {FLOOR}


def _cores() -> str:
    mine = cores()
    return f"servers on core {mine.hubs[0]}, load client on core {mine.client}, Postgres (fsync on) and Redis on {mine.beside}"


def _load(load: float) -> str:
    quiet = "" if load < QUIET_LOAD else ": other things were running, so the numbers are too low and uneven"
    return f"load average before: {load:.2f}{quiet}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
