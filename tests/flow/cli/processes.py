"""The servers of a folder as processes, and waiting for their end without polling."""

import contextlib
import os
import select
from pathlib import Path

END_SECONDS = 15


def server_pids(folder: Path) -> list[int]:
    """Return the process ids that the servers' pid files name: Postgres, Redis, those that there are."""
    pids = []
    for file in (folder / "postgres" / "postmaster.pid", folder / "redis" / "redis.pid"):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            pids.append(int(file.read_text().split()[0]))
    return pids


def wait_for_end(pid: int) -> None:
    """Return when the process has ended; fail after END_SECONDS."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([handle], [], [], END_SECONDS)[0], f"process {pid} is still there"
    finally:
        os.close(handle)
