"""A `greenroom dev` of the tests' own: it can be killed and started again on the same data."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).parents[2]
START_SECONDS = 20
STOP_SECONDS = 10
PATIENCE = 15


class DevServer:
    """One data folder, one port, and the process that serves them, if it runs."""

    def __init__(self, folder: Path, port: int, **more: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / "log"
        self.data = folder / "data"
        named = {"DATA_DIR": str(self.data), "PORT": str(port), **more}
        ours = {f"GREENROOM_{name}": value for name, value in named.items()}
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")} | ours
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start if it does not run, and return when it is ready; raises AssertionError with its log if it ends instead."""
        if self._process is not None and self._process.poll() is None:
            return
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cli", "dev"],
                cwd=ROOT,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = monotonic() + START_SECONDS
        while not self._is_ready():
            has_failed = self._process.poll() is not None or monotonic() > until
            assert not has_failed, self._log.read_text()
            sleep(0.05)  # nothing signals from there to here but /readyz itself

    def printed(self, pattern: str) -> str:
        """Wait until this was printed, such as a mail, and return the latest."""
        until = monotonic() + PATIENCE
        while not (found := re.findall(pattern, self._log.read_text())):
            assert monotonic() < until, f"{pattern} was not printed"
            sleep(0.05)
        return str(found[-1])

    def kill(self) -> None:
        """End the process as a power cut does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the process as an operator does."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)
        self._process.wait(STOP_SECONDS)
        self._process = None

    def _is_ready(self) -> bool:
        try:
            with urlopen(f"{self.url}/readyz", timeout=2):
                return True
        except (URLError, ConnectionError, TimeoutError):
            return False
