"""The machine: which core is whose, what it is, and what processes cost on it."""

import os
import platform
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

PROC = Path("/proc")
QUIET_LOAD = 0.5
HERTZ = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Cores(msgspec.Struct, frozen=True):
    """Who runs where: each hub on its own where there are enough, the load client and what all servers lean on beside them."""

    hubs: tuple[int, ...]
    client: int
    beside: tuple[int, ...]


class Usage(msgspec.Struct, frozen=True):
    """What some processes have used so far: seconds of CPU, bytes of memory, calls of read and write."""

    at: float
    cpu: float
    memory: int
    calls: int


def cores() -> Cores:
    """Divide the cores that we may use: two hubs share one unless there are four or more."""
    ours = sorted(os.sched_getaffinity(0))
    if len(ours) < 2:
        raise SystemExit("bench needs two cores: one for the server, one for the load client")
    if len(ours) < 4:
        return Cores((ours[0], ours[0]), ours[1], tuple(ours[1:]))
    return Cores((ours[0], ours[1]), ours[2], tuple(ours[3:]))


@contextmanager
def pinned(to: Sequence[int]) -> Iterator[None]:
    """Let what is started in the block, with all threads and children that it will have, run on these cores only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, to)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def usage(pids: Sequence[int]) -> Usage:
    """Add up what processes have used."""
    cpu = sum(cpu_seconds(pid) for pid in pids)
    memory = sum(int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE_BYTES for pid in pids)
    calls = sum(_calls(pid) for pid in pids)
    return Usage(time.monotonic(), cpu, memory, calls)


def family(pid: int) -> list[int]:
    """Return a process and its children."""
    children = (PROC / str(pid) / "task" / str(pid) / "children").read_text().split()
    return [pid, *map(int, children)]


def busy_seconds(core: int) -> float:
    """Return for how long a core has been busy since it was started, whoever it worked for."""
    line = next(line for line in (PROC / "stat").read_text().splitlines() if line.startswith(f"cpu{core} "))
    user, nice, system, _idle, _waiting, hard, soft, *_ = map(int, line.split()[1:])
    return (user + nice + system + hard + soft) / HERTZ


def cpu_seconds(pid: int) -> float:
    """Return how long a process has computed since it began."""
    # In nanoseconds, where /proc/PID/stat has hundredths of a second; a family changes while it is counted.
    seconds = 0.0
    for thread in (PROC / str(pid) / "task").iterdir():
        try:
            seconds += int((thread / "schedstat").read_text().split()[0]) / 1e9
        except FileNotFoundError:
            continue
    return seconds


def _calls(pid: int) -> int:
    fields = dict(line.split(": ") for line in (PROC / str(pid) / "io").read_text().splitlines())
    return int(fields["syscr"]) + int(fields["syscw"])


def wait_until_quiet(seconds: float) -> float:
    """Wait until nothing else runs, but not for ever; returns the load average of the last minute."""
    deadline = time.monotonic() + seconds
    while (load := os.getloadavg()[0]) >= QUIET_LOAD and time.monotonic() < deadline:
        time.sleep(2)
    return load


def description() -> str:
    """Say in a line what this machine is."""
    model = re.search(r"model name\s*: (.+)", (PROC / "cpuinfo").read_text())
    memory = os.sysconf("SC_PHYS_PAGES") * PAGE_BYTES / 2**30
    return (
        f"{os.cpu_count()} cores of {model[1] if model else platform.machine()}, {memory:.0f} GiB, "
        f"Linux {platform.release()}, Python {platform.python_version()}"
    )


def today() -> str:
    """Return the date, for names of files."""
    return datetime.now(UTC).strftime("%Y-%m-%d")
