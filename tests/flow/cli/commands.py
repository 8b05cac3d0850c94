"""Running the `greenroom` command as its users do: in a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]
COMMAND = (sys.executable, "-m", "cli")
END_SECONDS = 20


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


def _environ(environ: dict[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    named = {f"GREENROOM_{name}": value for name, value in environ.items()}
    return {**inherited, "PYTHONPATH": str(ROOT), **named}
