"""The services of docker-compose.yml that carry load, as local processes."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import uvloop

from bench import nginx
from bench.environment import environment, settings
from bench.process import free_port, serving
from cli.embedded.postgres import embedded_postgres
from cli.embedded.redis import embedded_redis
from cli.seed import seed
from core.platform.migrate import migrate


class Deployment:
    """Processes by the names that they have in the compose file, numbered where there are several."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in ("nginx", "api", "worker", "hub-1", "hub-2", "hub-3")}
        self.pids: dict[str, int] = {}
        self.redis_urls: dict[str, str] = {}
        self._hubs: list[str] = []
        self._ends: dict[str, ExitStack] = {}

    @property
    def url(self) -> str:
        """Return the address for clients."""
        return f"http://127.0.0.1:{self.ports['nginx']}"

    def start(self) -> None:
        """Start everything, with two hubs and two servers of Redis."""
        self._enter("postgres", self._postgres())
        for name in ("redis-a", "redis-b"):
            self.start_redis(name)
        for name in ("hub-1", "hub-2"):
            self.start_hub(name)
        for name in ("api", "worker"):
            self._enter(name, self._greenroom(name))
        command = nginx.command(self.folder, self.ports["nginx"], self._ports_of_hubs(), [self.ports["api"]])
        self._enter("nginx", serving(command, self.ports["nginx"], None, self.folder / "nginx.log"))

    def seed(self, users: int, conversations: int) -> None:
        """Store users who have logged in, and write tokens.txt and conversations.txt into the folder."""
        here = settings(self.database_url, *self.redis_urls.values())
        uvloop.run(seed(here, "onswift", users, conversations, self.folder))

    def start_redis(self, name: str) -> None:
        """Start a Redis; a stopped one restarts at its address."""
        self._enter(name, self._redis(name))

    def start_hub(self, name: str) -> None:
        """Start a hub, and add a new one to nginx."""
        self._enter(name, self._greenroom(name))
        if name not in self._hubs:
            self._hubs.append(name)
            if "nginx" in self.pids:
                nginx.configure(self.folder, self.ports["nginx"], self._ports_of_hubs(), [self.ports["api"]])
                os.kill(self.pids["nginx"], signal.SIGHUP)

    def stop(self, name: str) -> None:
        """Stop a process with SIGTERM, and return when it has ended."""
        self._ends.pop(name).close()
        self.pids.pop(name, None)

    def kill(self, name: str) -> None:
        """End a process without warning."""
        os.kill(self.pids[name], signal.SIGKILL)
        self.stop(name)

    def close(self) -> None:
        """Stop everything, in reverse order."""
        for name in reversed(list(self._ends)):
            self.stop(name)

    def errors(self) -> dict[str, int]:
        """Return the number of errors logged by each of our processes."""
        names = ("api", "worker", *self._hubs)
        return {name: (self.folder / f"{name}.log").read_text(errors="replace").count(" ERROR ") for name in names}

    def _enter(self, name: str, process: AbstractContextManager[int]) -> None:
        stack = ExitStack()
        self.pids[name] = stack.enter_context(process)
        self._ends[name] = stack

    @contextmanager
    def _postgres(self) -> Iterator[int]:
        with embedded_postgres(self.folder / "postgres") as server:
            self.database_url = server.url
            uvloop.run(migrate(server.url))
            yield server.process.pid

    @contextmanager
    def _redis(self, name: str) -> Iterator[int]:
        with embedded_redis(self.folder / name) as server:
            self.redis_urls[name] = server.url
            yield server.process.pid

    def _greenroom(self, name: str) -> AbstractContextManager[int]:
        port = self.ports[name]
        command = [sys.executable, "-m", "cli", name.partition("-")[0], "--port", str(port)]
        here = environment(self.database_url, *self.redis_urls.values())
        here["GREENROOM_TRUSTED_PROXIES"] = "127.0.0.0/8"
        return serving(command, port, None, self.folder / f"{name}.log", here)

    def _ports_of_hubs(self) -> list[int]:
        return [self.ports[name] for name in self._hubs]
