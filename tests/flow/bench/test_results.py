"""What a run says: goals are held by numbers, and a run that the client limited does not pass for a result."""

import shutil
from pathlib import Path

import msgspec
import pytest

from bench import __main__ as command
from bench import report
from bench.environment import Environment
from bench.load.client import Bench, Result
from bench.results import Line, at_least, at_most, client_bound, medians, no_worse
from bench.servers import FLOOR, NODE, OURS

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="the load client is written in C: needs gcc")
RUN = Result(1, 0.5, 5, 100, 1000, 9000, 0.5, 1, 2, 3, 4, 50, 60, 1, 1, 0.7)


def line(ours: float, node: float, remark: str = "") -> Line:
    return Line("case", "deliveries/s", {OURS: ours, NODE: node}, remark=remark)


def test_a_goal_beside_node_is_reached_by_the_ratio() -> None:
    assert at_least(line(15, 10), 1.5).reached
    assert not at_least(line(14, 10), 1.5).reached
    assert no_worse(line(10, 10)).reached
    assert not no_worse(line(11, 10)).reached
    assert not at_most(line(7, 1), 6, "KB").reached


def test_the_median_of_the_rounds_is_shown() -> None:
    runs = {OURS: [msgspec.structs.replace(RUN, received=received) for received in (10, 5000, 1000)]}
    assert medians(runs, lambda result: result.deliveries) == {OURS: 200}


def test_a_client_that_fills_its_core_is_noticed() -> None:
    full = msgspec.structs.replace(RUN, client=0.95)
    assert client_bound({OURS: [RUN, RUN], NODE: [RUN, full]}) == [NODE]


@needs_gcc
@pytest.mark.parametrize(("server", "code"), [(NODE, 1), (FLOOR, 0)])
def test_a_run_that_the_client_limited_fails_unless_it_is_the_floors(
    server: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = line(2, 1, f"limited by the load client: {server}")
    monkeypatch.setattr(command, "cases", lambda _size: {"case": lambda _house: [limited]})
    assert command.main(["case", "--out", str(tmp_path / "2026-01-01.md")]) == code


@needs_gcc
def test_a_case_that_could_not_be_measured_fails_the_run_but_not_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_house: Environment) -> list[Line]:
        raise Bench("3 lost")

    monkeypatch.setattr(command, "cases", lambda _size: {"first": fails, "second": lambda _house: [line(3, 2)]})
    page = tmp_path / "2026-01-01.md"
    assert command.main(["first", "second", "--out", str(page)]) == 1
    assert "first could not be measured: 3 lost" in page.read_text()
    assert "| case | deliveries/s | 3 | 2 |" in page.read_text()


def test_the_page_shows_each_case_with_its_ratio_and_goal(tmp_path: Path) -> None:
    page = tmp_path / "2026-01-01.md"
    growth = Line("growth", "p50, ms", {"10 rooms": 1.234, "100 rooms": 1.3}, ",.2f")
    report.write(page, [at_least(line(1500, 1000), 2), growth], ["a machine"])
    text = page.read_text()
    assert text.startswith("# Measured on 2026-01-01\n\n- a machine\n")
    assert "| case | deliveries/s | 1,500 | 1,000 |  |  | 1.50 | at least 2 x Node | NO |" in text
    assert "| growth | p50, ms | 1.23 | 1.30 |" in text
