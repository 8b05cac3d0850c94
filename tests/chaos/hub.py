"""A `greenroom hub` as a process of its own, which can be killed, stopped and started again on its port."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_SECONDS = 30.0
END_SECONDS = 10.0


class HubProcess:
    """One hub, and all that it has logged. `command`: hub, or another one of the same form; `tree`: where its code is."""

    def __init__(self, port: int, environ: Mapping[str, str], command: str = "hub", tree: Path = ROOT) -> None:
        self.port = port
        self.tree = tree
        self.output: list[str] = []
        self._command = command
        self.environ = environ
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._listens = asyncio.Event()

    async def start(self) -> None:
        """Start it, and return when it listens."""
        self._listens.clear()
        dies_with_us = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
        self._process = await asyncio.create_subprocess_exec(
            *dies_with_us, sys.executable, "-m", "cli", self._command, "--port", str(self.port),
            cwd=self.tree, env={**os.environ, **self.environ}, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, start_new_session=True,
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read(self._process), name="output of a hub")
        async with asyncio.timeout(START_SECONDS):
            await self._listens.wait()
        assert self._process.returncode is None, "\n".join(self.output[-5:])

    async def end(self, how: signal.Signals) -> None:
        """Send it a signal that ends it, also when it is stopped, and return when it has ended."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(how)
        self.thaw()
        async with asyncio.timeout(END_SECONDS):
            await self._process.wait()
            if self._reading:
                await self._reading

    async def restart(self) -> None:
        """End it as an operator does, and start it again."""
        await self.end(signal.SIGTERM)
        await self.start()

    def freeze(self) -> None:
        """Stop it where it is."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        if self._process and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGCONT)

    def errors(self) -> list[str]:
        """Return what it has logged as errors, each with its exception: no fault from outside should cause any."""
        entries = "\n".join(self.output).split("\n20")  # each begins with its date; the lines of a traceback do not
        return [f"{entry.splitlines()[0]}: {entry.splitlines()[-1]}" for entry in entries if " ERROR " in entry]

    async def _read(self, process: Process) -> None:
        assert process.stderr
        async for line in process.stderr:
            self.output.append(line.decode(errors="replace").rstrip())
            if "listening on" in self.output[-1]:
                self._listens.set()
        self._listens.set()  # it has ended: who waits for it looks at its exit code
        await process.wait()
