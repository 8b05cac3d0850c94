"""Programs of the benchmark: built, started on their core, and stopped at the end of the block."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from bench.machine import pinned

START_SECONDS = 20.0
STOP_SECONDS = 10.0


def build(sources: Sequence[Path], out: Path) -> Path:
    """Compile a C program."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise SystemExit("bench needs a C compiler for its load client: install gcc")
    subprocess.run([compiler, "-O2", "-o", out, *sources], check=True)  # noqa: S603
    return out


@contextmanager
def serving(
    command: Sequence[str | Path], port: int, core: int | None, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run a server, on a core or on any, and yield its pid once its port answers."""
    with log.open("ab") as output, nullcontext() if core is None else pinned((core,)):
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)  # noqa: S603
    try:
        _wait_for_port(process, port, log)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    last = log.read_text(errors="replace")[-1000:]
    raise SystemExit(f"{process.args!r} does not answer on port {port}: {last}")


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def progress(text: str) -> None:
    """Print progress, separate from the results."""
    print(text, file=sys.stderr, flush=True)
