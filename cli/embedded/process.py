"""Server processes that end with ours, however ours ends."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from cli.errors import CommandError
from core.platform.processes import dying_with_us

START_SECONDS = 60.0  # after a crash a server first replays its log
STOP_SECONDS = 3.0
# The address of a Unix socket holds 104 bytes on macOS and 108 on Linux, its terminator included.
SOCKET_PATH_BYTES = 103
NOTHING: Mapping[str, str] = {}

Report = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True)
class Server:
    """A running server: `title` is its name and version, `url` its address."""

    title: str
    url: str
    process: subprocess.Popen[bytes]


@dataclass(frozen=True)
class Account:
    """How to change the account of a server: a command prefix, or another user. Default: our own account."""

    prefix: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None


def silent(_title: str) -> AbstractContextManager[object]:
    """Report nothing."""
    return nullcontext()


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    folder: Path,
    log: Path,
    stop: signal.Signals,
    account: Account = Account(),
    environment: Mapping[str, str] = NOTHING,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server for the duration of the block. It gets the signal `stop` at the end, and also if our process is killed."""
    process = _start(command, folder=folder, log=log, stop=stop, account=account, environment=environment)
    try:
        yield process
    finally:
        _end(process, stop)


def _start(
    command: Sequence[str | Path],
    *,
    folder: Path,
    log: Path,
    stop: signal.Signals,
    account: Account,
    environment: Mapping[str, str],
) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(  # noqa: S603
            [*account.prefix, *dying_with_us(stop), *command],
            cwd=folder,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=account.user,
            group=account.group,
            extra_groups=None if account.user is None else [],
            start_new_session=True,  # Ctrl-C must reach our process only: the servers end when it no longer needs them
        )


def _end(process: subprocess.Popen[bytes], stop: signal.Signals) -> None:
    for sent in (stop, signal.SIGQUIT, signal.SIGKILL):
        process.send_signal(sent)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], title: str, log: Path) -> None:
    """Return when the server answers; raise CommandError with the end of its log if it exits or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            last_lines = " | ".join(log.read_text(errors="replace").splitlines()[-3:])
            raise CommandError(f"{title} did not start: {last_lines or f'exit code {process.returncode}'} (log: {log})")
        time.sleep(0.005)


@contextmanager
def socket_folder(folder: Path, socket_name: str, account: Account = Account()) -> Iterator[Path]:
    """Yield a folder for a Unix socket: this one, or a temporary private one if its path is too long."""
    # Postgres and asyncpg treat a comma as a separator of two folders.
    if len(os.fsencode(folder / socket_name)) <= SOCKET_PATH_BYTES and "," not in str(folder):
        yield folder
        return
    short = Path(mkdtemp(prefix="greenroom-"))
    try:
        if account.user is not None:
            os.chown(short, account.user, account.group or 0)
        yield short
    finally:
        shutil.rmtree(short, ignore_errors=True)
