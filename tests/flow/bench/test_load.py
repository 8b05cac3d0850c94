"""The load client tells the truth: it counts what is delivered, and notices what is not."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.environment import Environment, open_environment
from bench.load.client import Bench, Shape, measure
from bench.servers import FLOOR, OURS, SERVERS

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="the load client is written in C: needs gcc")
TALK = Shape(senders=1, seconds=1)


@pytest.fixture(scope="module")
def env(servers_folder: Path) -> Iterator[Environment]:
    folder = servers_folder / "bench"
    folder.mkdir()
    with open_environment(folder, rounds=1) as env:
        yield env


@pytest.mark.parametrize("server", [OURS, FLOOR])
def test_each_message_is_delivered_to_each_member(env: Environment, server: str) -> None:
    crowd = env.crowd(6, 2)
    with SERVERS[server](env, crowd) as running:
        result = measure(env, crowd, running, TALK)
    assert result.sent > 0
    assert abs(result.received - 3 * result.sent) <= 6  # those under way when measuring began and ended
    assert 0 < result.p50 <= result.p99 <= result.p999


def test_a_refused_join_fails_the_run(env: Environment) -> None:
    mine, others = env.crowd(2, 1), env.crowd(2, 1)
    with (
        SERVERS[OURS](env, mine) as running,
        pytest.raises(Bench, match="refused"),
    ):
        measure(env, others, running, TALK)
