"""The machine: assignment of cores, description, and resource usage of processes."""

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
    """The assignment of cores: one per hub if there are enough, others for the load client, Postgres and Redis."""

    hubs: tuple[int, ...]
    client: int
    beside: tuple[int, ...]


class Usage(msgspec.Struct, frozen=True):
    """The usage of some processes so far: seconds of CPU, bytes of memory, calls of read and write."""

    at: float
    cpu: float
    memory: int
    calls: int


def cores() -> Cores:
    """Assign the available cores: two hubs share one unless there are four or more."""
    ours = sorted(os.sched_getaffinity(0))
    if len(ours) < 2:
        raise SystemExit("bench needs two cores: one for the server, one for the load client")
    if len(ours) < 4:
        return Cores((ours[0], ours[0]), ours[1], tuple(ours[1:]))
    return Cores((ours[0], ours[1]), ours[2], tuple(ours[3:]))


@contextmanager
def pinned(to: Sequence[int]) -> Iterator[None]:
    """Pin everything started in the block, including its threads and children, to these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, to)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def usage(pids: Sequence[int]) -> Usage:
    """Add up the usage of processes."""
    cpu = sum(cpu_seconds(pid) for pid in pids)
    memory = sum(int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE_BYTES for pid in pids)
    calls = sum(_calls(pid) for pid in pids)
    return Usage(time.monotonic(), cpu, memory, calls)


def family(pid: int) -> list[int]:
    """Return a process and its children."""
    children = (PROC / str(pid) / "task" / str(pid) / "children").read_text().split()
    return [pid, *map(int, children)]


def busy_seconds(core: int) -> float:
    """Return how long a core has been busy since boot, with any process."""
    line = next(line for line in (PROC / "stat").read_text().splitlines() if line.startswith(f"cpu{core} "))
    user, nice, system, _idle, _waiting, hard, soft, *_ = map(int, line.split()[1:])
    return (user + nice + system + hard + soft) / HERTZ


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process since it started."""
    # In nanoseconds, while /proc/PID/stat has hundredths of a second; processes may end while they are counted.
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
    """Wait, within limits, until nothing else runs; returns the load average of the last minute."""
    deadline = time.monotonic() + seconds
    while (load := os.getloadavg()[0]) >= QUIET_LOAD and time.monotonic() < deadline:
        time.sleep(2)
    return load


def description() -> str:
    """Describe this machine in a line."""
    model = re.search(r"model name\s*: (.+)", (PROC / "cpuinfo").read_text())
    memory = os.sysconf("SC_PHYS_PAGES") * PAGE_BYTES / 2**30
    return (
        f"{os.cpu_count()} cores of {model[1] if model else platform.machine()}, {memory:.0f} GiB, "
        f"Linux {platform.release()}, Python {platform.python_version()}"
    )


def today() -> str:
    """Return the date, for file names."""
    return datetime.now(UTC).strftime("%Y-%m-%d")
