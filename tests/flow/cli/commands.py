"""Running the `greenroom` command as its users do: in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

ROOT = Path(__file__).parents[3]
COMMAND = (sys.executable, "-m", "cli")
END_SECONDS = 20
ACCOUNT = {"email": "ada@example.com", "password": "Correct-horse-1", "name": "Ada", "userType": "creator"}


def greenroom(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments], env=_environ(environ), capture_output=True, text=True, timeout=END_SECONDS, check=False
    )


class Running:
    """A command that runs; `output` is all that it has printed so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.output = ""

    def read_until(self, text: str) -> str:
        """Read what it prints up to a line with this text, and return the line."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.output += line
            if text in line:
                return line
        raise AssertionError(f"it ended without {text!r}:\n{self.output}")

    def end(self, number: signal.Signals) -> int:
        """Send a signal to it and all that it started in its process group, as a terminal does; return the exit code."""
        os.killpg(self.process.pid, number)
        rest, _ = self.process.communicate(timeout=END_SECONDS)
        self.output += rest
        return self.process.returncode


@contextmanager
def running(*arguments: str, until: str = "listening on", **environ: str) -> Iterator[Running]:
    """Run a command for the time of the block, which begins when it has printed `until`."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env=_environ(environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    command = Running(process)
    try:
        command.read_until(until)
        yield command
    finally:
        if process.poll() is None:
            command.end(signal.SIGKILL)
        assert process.stdout
        process.stdout.close()


def port_of(command: Running) -> str:
    """Return the port that a process says it listens on."""
    return command.output.rpartition("listening on http://127.0.0.1:")[2].split()[0]


def call(port: str, path: str, body: object = None, token: str = "") -> Any:
    """Call an endpoint of a process; return the JSON of its answer."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(f"http://127.0.0.1:{port}{path}", data, headers), timeout=10) as answer:
        return json.load(answer)


def ready(port: str) -> None:
    """Return when a process says that it is ready; on a busy machine one of its checks may take too long at first."""
    until = time.monotonic() + END_SECONDS
    while not _is_ready(port):
        assert time.monotonic() < until, "it does not get ready"
        time.sleep(0.1)  # nothing signals from there to here but /readyz itself


def _is_ready(port: str) -> bool:
    try:
        return bool(call(port, "/readyz")["status"] == "ok")
    except HTTPError as error:
        if error.code != 503:
            raise
        return False


def _environ(environ: dict[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    named = {f"GREENROOM_{name}": value for name, value in environ.items()}
    return {**inherited, "PYTHONPATH": str(ROOT), **named}
