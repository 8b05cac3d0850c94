"""An honest user is answered while ten others do their worst: a short form of `make bench ARGS=neighbours`."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cases.neighbours import MEMORY_MB, WARNINGS, Attackers, ours
from bench.environment import Environment, open_environment
from bench.neighbours.attacks import TEN_WITH_LOGIN, TEN_WITHOUT_LOGIN

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="the benchmark's env builds its load client: needs gcc"),
]
SECONDS = 3


@pytest.fixture(scope="module")
def env(servers_folder: Path) -> Iterator[Environment]:
    folder = servers_folder / "neighbours"
    folder.mkdir()
    with open_environment(folder, rounds=1) as env:
        yield env


@pytest.mark.parametrize(
    "attackers",
    [
        Attackers("nobody else"),
        Attackers("ten at once", TEN_WITHOUT_LOGIN),
        Attackers("ten at once", TEN_WITH_LOGIN, with_login=True),
    ],
    ids=lambda attackers: attackers.title,
)
def test_an_honest_user_gets_every_answer_while_ten_others_do_their_worst(
    env: Environment, attackers: Attackers
) -> None:
    result = ours(env, env.crowd(8, 2), attackers, SECONDS)
    assert (len(result.waits.acks), len(result.waits.pages)) == (SECONDS * 20, SECONDS * 10)
    assert result.waits.failures == 0
    assert result.growth <= MEMORY_MB * 1e6
    assert result.warnings <= WARNINGS
    assert bool(result.limited) == bool(attackers.attacks)
