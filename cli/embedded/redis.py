"""A Redis (Valkey) in a folder, reached through a Unix socket only; its data survives a restart."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from cli.embedded.binaries import redis_binary
from cli.embedded.process import Report, Server, running, silent, socket_folder, wait_until
from cli.embedded.stale_servers import end_stale_server

SOCKET_NAME = "redis.sock"


@contextmanager
def embedded_redis(folder: Path, *, report: Report = silent) -> Iterator[Server]:
    """Run Redis on `folder` (created if missing); it loses at most the last second if it is killed."""
    folder = folder.resolve()
    folder.mkdir(mode=0o700, exist_ok=True)
    binary, title = redis_binary()
    pid_file = folder / "redis.pid"
    log = folder.with_name(f"{folder.name}.log")
    end_stale_server(folder, pid_file, binary, signal.SIGTERM, report)
    with socket_folder(folder, SOCKET_NAME) as sockets:
        address = sockets / SOCKET_NAME
        command: list[str | Path] = [binary, *_options(folder, address, pid_file)]
        with running(command, folder=folder, log=log, stop=signal.SIGTERM) as process:
            with report(f"Starting {title}"):
                wait_until(lambda: _answers(address), process, title, log)
            yield Server(title, f"unix://{quote(str(address))}", process)


def _options(folder: Path, address: Path, pid_file: Path) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": str(address),
        "unixsocketperm": "700",
        "pidfile": str(pid_file),
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
    }
    return [part for name, value in options.items() for part in (f"--{name}", value)]


def _answers(address: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            connection.connect(str(address))
            connection.sendall(b"PING\r\n")
            return connection.recv(64) == b"+PONG\r\n"  # it answers differently while it loads its data
    except OSError:
        return False
