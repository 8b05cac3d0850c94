"""A Postgres and a Valkey of the chaos tests' own: they can be killed, stopped and started again on the same data."""

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp

from cli.embedded.postgres import embedded_postgres
from cli.embedded.process import Server
from cli.embedded.redis import embedded_redis

END_SECONDS = 15


class Restartable:
    """A server that may be away for a while. Start it from the main thread: it ends with the thread that started it."""

    def __init__(self, open_server: Callable[[], AbstractContextManager[Server]]) -> None:
        self._open = open_server
        self._stack = ExitStack()
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, unless it runs."""
        if self._process is None or self._process.poll() is not None:
            self._stack.close()
            server = self._stack.enter_context(self._open())
            self.url, self._process = server.url, server.process

    def end(self, how: signal.Signals) -> None:
        """Send the server a signal that ends it, and return when it has ended."""
        assert self._process
        self._process.send_signal(how)
        self._process.wait(END_SECONDS)

    def close(self) -> None:
        """End the server for good."""
        self._stack.close()


class Servers:
    """The servers of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Without fsync a crash of the machine could lose what was committed; that of a process cannot.
        self.postgres = Restartable(lambda: embedded_postgres(folder / "postgres", fsync=False))
        self.redis = Restartable(lambda: embedded_redis(folder / "redis"))

    def start(self) -> None:
        """Start those that do not run."""
        self.postgres.start()
        self.redis.start()

    def close(self) -> None:
        """End both."""
        self.redis.close()
        self.postgres.close()


@contextmanager
def open_servers() -> Iterator[Servers]:
    """Start both in a folder of their own, which goes when they end."""
    folder = Path(mkdtemp(prefix="greenroom-chaos-"))
    servers = Servers(folder)
    try:
        servers.start()
        yield servers
    finally:
        servers.close()
        shutil.rmtree(folder)
