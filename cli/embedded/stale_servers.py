"""Ends servers that outlived the run that started them. Two servers on one folder would corrupt its data."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from cli.embedded.process import Report
from cli.errors import CommandError

END_SECONDS = 20.0
PROC = Path("/proc")


def end_stale_server(folder: Path, pid_file: Path, binary: Path, stop: signal.Signals, report: Report) -> None:
    """End the server of this folder, or remove its pid file if it no longer runs.

    If the pid now belongs to another process, that process is left alone; the server would mistake it for itself.
    """
    if left := _serving(folder, pid_file, binary):
        with report(f"Ending the {folder.name} that an earlier run left behind (process {min(left)})"):
            _end(left, _named(pid_file), stop)
            _wait_for_end(folder, pid_file, binary)
    pid_file.unlink(missing_ok=True)


def _end(left: set[int], named: int | None, stop: signal.Signals) -> None:
    """Stop the server, which ends its children; tell orphaned children, which would run on for a while, to quit."""
    signalled = {named} if named in left else left
    for pid in signalled:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, stop if pid == named else signal.SIGQUIT)


def _wait_for_end(folder: Path, pid_file: Path, binary: Path) -> None:
    deadline = time.monotonic() + END_SECONDS
    while left := _serving(folder, pid_file, binary):
        if time.monotonic() > deadline:
            raise CommandError(
                f"Process {min(left)}, which an earlier run left behind on {folder}, does not end: kill it"
            )
        time.sleep(0.01)


def _serving(folder: Path, pid_file: Path, binary: Path) -> set[int]:
    """Return the processes of this server whose working directory is this folder."""
    if (PROC / "self").exists():
        return {int(entry.name) for entry in PROC.glob("[0-9]*") if _works(entry, folder, binary)}
    named = _named(pid_file)
    return {named} if named and str(folder) in _command_line(named) else set()


def _works(entry: Path, folder: Path, binary: Path) -> bool:
    try:
        return (entry / "cwd").readlink() == folder and (entry / "comm").read_text().strip() == binary.name
    except OSError:  # it has ended, or belongs to another user
        return False


def _command_line(pid: int) -> str:
    command = ["ps", "-o", "command=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603


def _named(pid_file: Path) -> int | None:
    """Return the process that the pid file names in its first line."""
    try:
        return int(pid_file.read_text().split(maxsplit=1)[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
