"""nginx before one hub: what it costs that each client comes through it."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from bench import nginx
from bench.cases.connections import PING_SECONDS
from bench.cases.fanout import measure_alone
from bench.house import Crowd, House
from bench.load.client import Bench, Result, Shape, measure
from bench.machine import family, usage
from bench.process import free_port, progress, serving
from bench.results import Line
from bench.servers import Running, hub

DOOR = "nginx"
IDLE = 2000  # connections
SETTLE_SECONDS = 0.5


@contextmanager
def through_nginx(house: House, crowd: Crowd) -> Iterator[Running]:
    """Run a hub behind nginx as it is shipped; what is counted is nginx."""
    if not shutil.which("nginx"):
        raise Bench("nginx is not installed")
    folder, port = house.folder / "nginx", free_port()
    folder.mkdir(exist_ok=True)
    with hub(house, crowd) as behind:
        command = nginx.command(folder, port, behind.ports, behind.ports)
        with serving(command, port, house.cores.hubs[0], folder / "nginx.log") as pid:
            yield Running((port,), _settled(pid))


def _settled(pid: int) -> tuple[int, ...]:
    """Return nginx and its workers, once they have taken the memory that they need for nobody."""
    before = -1
    while (memory := usage(family(pid)).memory) != before:
        before = memory
        time.sleep(SETTLE_SECONDS)
    return tuple(family(pid))


def door(house: House) -> list[Line]:
    """2,000 messages/s into 100 rooms of 10, a closed loop, and idle connections."""
    crowd = house.crowd(1000, 100)
    return [
        *_talk(house, crowd, "nginx, 2,000 msg/s into 100 x 10", Shape(senders=2, rate=2000)),
        *_talk(house, crowd, "nginx, 100 rooms x 10", Shape(senders=2)),
        *_idle(house),
    ]


def _talk(house: House, crowd: Crowd, title: str, shape: Shape) -> list[Line]:
    runs: list[Result] = []
    for turn in range(house.rounds):
        progress(f"  round {turn + 1}: {title}")
        runs.append(measure_alone(house, crowd, through_nginx, shape))
    per_delivery = median(run.server / run.received * 1e6 for run in runs)
    return [
        Line(title, "deliveries/s", {DOOR: median(run.deliveries for run in runs)}),
        Line(title, "nginx's CPU per delivery, microseconds", {DOOR: per_delivery}, ",.1f"),
        Line(title, "bytes per delivery", {DOOR: median(run.bytes_read / run.received for run in runs)}),
    ]


def _idle(house: House) -> list[Line]:
    title, crowd = f"nginx, {IDLE:,} idle connections", house.crowd(IDLE, IDLE // 10)
    with through_nginx(house, crowd) as running:
        before = usage(running.pids).memory
        result = measure(house, crowd, running, Shape(seconds=PING_SECONDS))
    memory = (result.memory - before) / crowd.users / 1000
    heartbeat = result.server / result.seconds / crowd.users * 1e6
    return [
        Line(title, "nginx's memory each, KB", {DOOR: memory}, ",.1f"),
        Line(title, "nginx's CPU each, microseconds a second", {DOOR: heartbeat}, ",.2f"),
    ]
