"""Runs the load client against a server and records the resource usage of both, and of Postgres and Redis."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from bench.environment import Crowd, Environment
from bench.machine import Usage, busy_seconds, family, pinned, usage
from bench.servers import Running

CLIENT_IS_FULL = 0.9  # of its core: beyond that, the client is the bottleneck


class Shape(msgspec.Struct, frozen=True):
    """What the client does; see load.c. `senders` are per room; `rate` is messages/s of all together, 0 a closed loop."""

    senders: int = 0
    window: int = 1
    rate: int = 0
    seconds: int = 5
    joins: int = 1
    in_flight: int = 64
    storm: int = 0


class Result(msgspec.Struct, frozen=True):
    """One measured run. Counts are of the measured time, delays in milliseconds."""

    ready_seconds: float
    ready_client: float
    seconds: float
    sent: int
    received: int
    bytes_read: int
    client: float
    p50: float
    p99: float
    p999: float
    server: float
    calls: int
    memory: int
    postgres: float
    redis: float
    client_core: float

    @property
    def deliveries(self) -> float:
        """Deliveries per second."""
        return self.received / self.seconds

    @property
    def per_cpu_second(self) -> float:
        """Deliveries per second of the server's CPU."""
        return self.received / self.server if self.server else 0.0

    @property
    def client_bound(self) -> bool:
        """Whether the client was the bottleneck."""
        return self.client > CLIENT_IS_FULL


class Bench(Exception):  # noqa: N818 - named for what happened
    """An invalid run."""


class Client:
    """A running load client."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def event(self, name: str) -> dict[str, Any]:
        """Wait for an event of the client."""
        assert self._process.stdout  # noqa: S101 - it is a pipe
        line = self._process.stdout.readline()
        event: dict[str, Any] = msgspec.json.decode(line) if line else {}
        if event.get("event") != name:
            raise Bench(f"the load client did not get to {name!r}: {line or self._problem()}")
        return event

    def go_on(self) -> None:
        """Tell the client to go on to the next phase."""
        assert self._process.stdin  # noqa: S101 - it is a pipe
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def _problem(self) -> str:
        assert self._process.stderr  # noqa: S101 - it is a pipe
        return self._process.stderr.read().strip()


@contextmanager
def client(env: Environment, crowd: Crowd, ports: tuple[int, ...], shape: Shape, clients: int = 0) -> Iterator[Client]:
    """Start the load client on its core, with all users of the crowd or the first `clients`."""
    options = {
        "-p": ",".join(map(str, ports)),
        "-n": clients or crowd.users,
        "-g": crowd.rooms,
        "-a": crowd.tokens,
        "-c": crowd.conversations,
        "-s": shape.senders,
        "-w": shape.window,
        "-r": shape.rate,
        "-t": shape.seconds,
        "-j": shape.joins,
        "-f": shape.in_flight,
        "-x": shape.storm,
    }
    command = [str(env.load), *(str(part) for option in options.items() for part in option)]
    pipe = subprocess.PIPE
    with pinned((env.cores.client,)):
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)  # noqa: S603
    with process:
        try:
            yield Client(process)
        finally:
            process.kill()


def measure(env: Environment, crowd: Crowd, running: Running, shape: Shape) -> Result:
    """Run the client once and return the result; raises Bench if anything was lost or refused."""
    with client(env, crowd, running.ports, shape) as load:
        ready = load.event("ready")
        load.event("measuring")
        before, core_before = _snapshot(env, running), busy_seconds(env.cores.client)
        measured = load.event("measured")
        after, core_after = _snapshot(env, running), busy_seconds(env.cores.client)
        drained = load.event("drained")
    if drained["lost"] or drained["unacked"] or drained["errors"]:
        raise Bench(f"not all was delivered: {drained}")
    seconds: float = measured["seconds"]
    server, postgres, redis = (_cpu(now, then) for now, then in zip(after, before, strict=True))
    return Result(
        ready_seconds=ready["seconds"],
        ready_client=ready["cpu"] / ready["seconds"],
        seconds=seconds,
        sent=measured["sent"],
        received=measured["received"],
        bytes_read=measured["bytes"],
        client=measured["cpu"] / seconds,
        p50=measured["p50"] / 1000,
        p99=measured["p99"] / 1000,
        p999=measured["p999"] / 1000,
        server=server,
        calls=after[0].calls - before[0].calls,
        memory=after[0].memory,
        postgres=postgres,
        redis=redis,
        client_core=(core_after - core_before) / seconds,
    )


def _snapshot(env: Environment, running: Running) -> tuple[Usage, Usage, Usage]:
    postgres, redis = family(env.postgres.process.pid), [env.redis.process.pid]
    return usage(running.pids), usage(postgres), usage(redis)


def _cpu(now: Usage, then: Usage) -> float:
    return now.cpu - then.cpu
