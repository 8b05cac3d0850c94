"""The compared servers: the same work for the hub and its peers, each alone on one core."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path

import msgspec

from bench.environment import Crowd, Environment
from bench.process import free_port, serving

PEERS = Path(__file__).parent / "peers"


class Running(msgspec.Struct, frozen=True):
    """Running servers; Postgres and Redis have separate pids."""

    ports: tuple[int, ...]
    pids: tuple[int, ...]


Serve = Callable[[Environment, Crowd], AbstractContextManager[Running]]


@contextmanager
def _hubs(env: Environment, crowd: Crowd, *, count: int) -> Iterator[Running]:
    environment = env.environment(crowd.database_url)
    ports = tuple(free_port() for _ in range(count))
    with ExitStack() as stack:
        pids = []
        for port, core in zip(ports, cycle(env.cores.hubs), strict=False):
            command = [sys.executable, "-m", "cli", "hub", "--port", str(port)]
            log = env.folder / "hub.log"
            pids.append(stack.enter_context(serving(command, port, core, log, environment)))
        yield Running(ports, tuple(pids))


def hubs(count: int) -> Serve:
    """Return a function that runs this many hubs over the same database and Redis.

    Tokens are checked, and each message is committed before it is acknowledged or delivered.
    """
    return partial(_hubs, count=count)


hub = hubs(1)


@contextmanager
def node(env: Environment, _crowd: Crowd) -> Iterator[Running]:
    """Run Node's Socket.IO with its Redis adapter: no tokens are checked and nothing is stored."""
    program = shutil.which("node")
    if program is None or not (PEERS.parent / "node_modules").exists():
        raise SystemExit("bench needs Node and the packages of bench/package.json: run it by make bench")
    port = free_port()
    command: list[str | Path] = [program, PEERS / "node.mjs", str(port), env.redis.url.removeprefix("unix://")]
    with serving(command, port, env.cores.hubs[0], env.folder / "node.log") as pid:
        yield Running((port,), (pid,))


@contextmanager
def python_socketio(env: Environment, _crowd: Crowd) -> Iterator[Running]:
    """Run python-socketio with its Redis manager: no tokens are checked and nothing is stored."""
    port = free_port()
    command = [sys.executable, "-m", "bench.peers.python_socketio", str(port), env.redis.url]
    with serving(command, port, env.cores.hubs[0], env.folder / "python-socketio.log") as pid:
        yield Running((port,), (pid,))


@contextmanager
def floor(env: Environment, _crowd: Crowd) -> Iterator[Running]:
    """Run the bare relay."""
    port = free_port()
    with serving([env.floor, str(port)], port, env.cores.hubs[0], env.folder / "floor.log") as pid:
        yield Running((port,), (pid,))


OURS, NODE, PYTHON, FLOOR = "Greenroom", "Node + Redis", "python-socketio + Redis", "floor"
SERVERS: dict[str, Serve] = {OURS: hub, NODE: node, PYTHON: python_socketio, FLOOR: floor}
