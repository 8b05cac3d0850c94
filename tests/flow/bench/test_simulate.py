"""bench/simulate.py: chance agrees with the arithmetic, that with what was measured, and the pages with what is printed."""

import re
from pathlib import Path

import pytest

from bench.capacity import (
    Load,
    commits,
    cores,
    expected_hubs,
    hubs_needed,
    nginx_cores,
    nginx_workers,
    of_message,
    servers_needed,
)
from bench.costs import measured, values
from bench.simulate import LOADS, own_load, tables
from bench.spread import moved, spread

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "operate" / "scaling.md").read_text()
SPREAD = [(members, hubs) for members in (4, 10, 20) for hubs in (2, 4)]


@pytest.mark.parametrize("hubs", [2, 10, 39, 200])
def test_members_who_are_spread_by_chance_are_on_as_many_hubs_as_the_arithmetic_says(hubs: int) -> None:
    load = LOADS[-1]
    outcome = spread(load, hubs, servers=4)
    assert outcome.hubs_of_message == pytest.approx(expected_hubs(hubs, load.members), rel=0.01)
    assert outcome.rooms == pytest.approx(load.conversations * expected_hubs(hubs, load.members) / hubs, rel=0.01)
    assert outcome.rooms <= outcome.most_rooms < 1.2 * outcome.rooms, "no hub has much more than the others"


@pytest.mark.parametrize("servers", [1, 2, 3, 4, 6])
def test_one_server_more_moves_its_share_and_none_has_much_more_than_the_others(servers: int) -> None:
    assert moved(servers) == pytest.approx(1 / (servers + 1), rel=0.05)
    assert spread(LOADS[-1], hubs=2, servers=servers).busiest_server < 1.05


def compared(members: int, hubs: int) -> tuple[float, float]:
    """Return what a message should cost on these hubs, by what another run says of one hub more, and what it has cost."""
    costs = measured()
    one, two, four = values(f"1,000 msg/s into rooms of {members}", "hubs' CPU per message, microseconds")
    more = of_message(costs, members, min(members, hubs)) - of_message(costs, members, 1)
    return one + more, {2: two, 4: four}[hubs]


@pytest.mark.parametrize(("members", "hubs"), SPREAD)
def test_rooms_and_hubs_that_were_not_put_in_have_cost_what_is_said_of_them(members: int, hubs: int) -> None:
    said, was = compared(members, hubs)
    assert said == pytest.approx(was, rel=0.2)
    assert f"| {members} | {hubs} | {said:.0f} | {was:.0f} | {said / was - 1:+.0%} |" in PAGE


def test_the_predicted_cost_of_a_room_size_that_was_not_measured_is_an_upper_bound() -> None:
    four, ten = (
        values(f"1,000 msg/s into rooms of {size}", "hubs' CPU per message, microseconds")[0] for size in (4, 10)
    )
    costs = measured()
    said = four + of_message(costs, 10, 1) - of_message(costs, 4, 1)
    assert ten <= said <= 1.25 * ten
    assert f"{said / ten - 1:+.0%}" in PAGE


def test_as_many_messages_share_a_commit_as_was_counted() -> None:
    # docs/performance.md: 1.3 at 2,000 a second.
    load = Load(1_000, 2_000)
    assert load.messages / commits(load, measured(), hubs=1) == pytest.approx(1.3, rel=0.1)


def test_what_is_said_to_be_needed_is_enough_and_one_less_is_not() -> None:
    costs = measured()
    for load in LOADS:
        hubs = hubs_needed(load, costs)
        assert cores(load, costs, hubs) <= 0.6 * hubs
        assert hubs == 1 or cores(load, costs, hubs - 1) > 0.6 * (hubs - 1)
        assert servers_needed(load, costs, hubs) >= 1
        assert nginx_cores(load, costs) <= 0.6 * nginx_workers(load, costs)


def test_idle_connections_need_hubs_and_workers_of_nginx_as_well() -> None:
    load, costs = Load(1_000_000, 1), measured()
    assert load.connections / hubs_needed(load, costs) <= 28_000
    assert load.connections / nginx_workers(load, costs) <= 65_536 / 2


def test_nginx_is_reckoned_with_as_it_is_shipped() -> None:
    shipped = (DOCS.parent / "deploy/nginx/nginx.conf").read_text()
    assert "worker_connections 65536;" in shipped


def test_the_tables_of_the_page_are_those_that_are_printed() -> None:
    for table in tables(LOADS).split("\n\n"):
        assert table in PAGE, "put what `python -m bench.simulate` prints into docs/operate/scaling.md"


def test_the_worksheet_s_example_is_what_its_command_prints() -> None:
    (command,) = re.findall(r"python -m bench\.simulate (--.*)", PAGE)
    for table in tables([own_load(command.split())]).split("\n\n"):
        assert table in PAGE, f"put what `python -m bench.simulate {command}` prints into docs/operate/scaling.md"


def test_the_worksheet_reckons_with_what_was_measured() -> None:
    costs = measured()
    for formula in (
        f"{costs.message:.0f} + {costs.listener:.1f} x (L - 10) + {costs.hub_more:.0f} x (R - 1)",
        f"{costs.redis:.0f} + {costs.redis_hub_more:.1f} x (R - 1)",
        f"D x {costs.nginx_delivery:.1f} + C x {costs.nginx_idle_connection:.2f}",
        f"commits x {costs.commit:.0f} + M x {costs.committed_message:.0f}",
    ):
        assert formula in PAGE


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("--connections 0 --messages 10", "'0' is not a number from 1 to 10,000,000"),
        ("--connections many --messages 10", "'many' is not a number"),
        ("--connections 5 --messages 10", "10 connections of one conversation are more than the 5 of all"),
        ("--connections 100000 --messages 100000 --members 1000", "100,000,000 deliveries a second"),
        ("--connections 100000", "--messages"),
    ],
)
def test_a_load_that_makes_no_sense_is_refused_with_the_reason(
    arguments: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        own_load(arguments.split())
    assert problem in capsys.readouterr().err


def test_the_costs_are_those_of_the_whole_run() -> None:
    assert measured().message == values("2,000 msg/s, one hub or two", "hubs' CPU per message, microseconds")[0]
