"""The load client tells the truth: it counts what is delivered, and notices what is not."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.house import House, open_house
from bench.load.client import Bench, Shape, measure
from bench.servers import FLOOR, OURS, SERVERS

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="the load client is written in C: needs gcc")
TALK = Shape(senders=1, seconds=1)


@pytest.fixture(scope="module")
def house(servers_folder: Path) -> Iterator[House]:
    folder = servers_folder / "bench"
    folder.mkdir()
    with open_house(folder, rounds=1) as house:
        yield house


@pytest.mark.parametrize("server", [OURS, FLOOR])
def test_each_message_is_delivered_to_each_member(house: House, server: str) -> None:
    crowd = house.crowd(6, 2)
    with SERVERS[server](house, crowd) as running:
        result = measure(house, crowd, running, TALK)
    assert result.sent > 0
    assert abs(result.received - 3 * result.sent) <= 6  # those under way when measuring began and ended
    assert 0 < result.p50 <= result.p99 <= result.p999


def test_a_refused_join_fails_the_run(house: House) -> None:
    mine, others = house.crowd(2, 1), house.crowd(2, 1)
    with (
        SERVERS[OURS](house, mine) as running,
        pytest.raises(Bench, match="refused"),
    ):
        measure(house, others, running, TALK)
