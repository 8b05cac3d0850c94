"""nginx in front of one hub: its cost per client."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from bench import nginx
from bench.cases.connections import PING_SECONDS
from bench.cases.fanout import measure_alone
from bench.environment import Crowd, Environment
from bench.load.client import Bench, Result, Shape, measure
from bench.machine import family, usage
from bench.process import free_port, progress, serving
from bench.results import Line
from bench.servers import Running, hub

DOOR = "nginx"
IDLE = 2000  # connections
SETTLE_SECONDS = 0.5


@contextmanager
def through_nginx(env: Environment, crowd: Crowd) -> Iterator[Running]:
    """Run a hub behind nginx as it is shipped; what is counted is nginx."""
    if not shutil.which("nginx"):
        raise Bench("nginx is not installed")
    folder, port = env.folder / "nginx", free_port()
    folder.mkdir(exist_ok=True)
    with hub(env, crowd) as behind:
        command = nginx.command(folder, port, behind.ports, behind.ports)
        with serving(command, port, env.cores.hubs[0], folder / "nginx.log") as pid:
            yield Running((port,), _settled(pid))


def _settled(pid: int) -> tuple[int, ...]:
    """Return nginx and its workers, once their memory without clients is stable."""
    before = -1
    while (memory := usage(family(pid)).memory) != before:
        before = memory
        time.sleep(SETTLE_SECONDS)
    return tuple(family(pid))


def door(env: Environment) -> list[Line]:
    """2,000 messages/s into 100 rooms of 10, a closed loop, and idle connections."""
    crowd = env.crowd(1000, 100)
    return [
        *_talk(env, crowd, "nginx, 2,000 msg/s into 100 x 10", Shape(senders=2, rate=2000)),
        *_talk(env, crowd, "nginx, 100 rooms x 10", Shape(senders=2)),
        *_idle(env),
    ]


def _talk(env: Environment, crowd: Crowd, title: str, shape: Shape) -> list[Line]:
    runs: list[Result] = []
    for turn in range(env.rounds):
        progress(f"  round {turn + 1}: {title}")
        runs.append(measure_alone(env, crowd, through_nginx, shape))
    per_delivery = median(run.server / run.received * 1e6 for run in runs)
    return [
        Line(title, "deliveries/s", {DOOR: median(run.deliveries for run in runs)}),
        Line(title, "nginx's CPU per delivery, microseconds", {DOOR: per_delivery}, ",.1f"),
        Line(title, "bytes per delivery", {DOOR: median(run.bytes_read / run.received for run in runs)}),
    ]


def _idle(env: Environment) -> list[Line]:
    title, crowd = f"nginx, {IDLE:,} idle connections", env.crowd(IDLE, IDLE // 10)
    with through_nginx(env, crowd) as running:
        before = usage(running.pids).memory
        result = measure(env, crowd, running, Shape(seconds=PING_SECONDS))
    memory = (result.memory - before) / crowd.users / 1000
    heartbeat = result.server / result.seconds / crowd.users * 1e6
    return [
        Line(title, "nginx's memory each, KB", {DOOR: memory}, ",.1f"),
        Line(title, "nginx's CPU each, microseconds a second", {DOOR: heartbeat}, ",.2f"),
    ]
