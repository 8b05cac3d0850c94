"""bench/simulate.py: chance agrees with the arithmetic of docs/scaling.md, and the page has the table that it prints."""

from pathlib import Path

import pytest

from bench.simulate import LOADS, cores, expected_hubs, hubs_needed, measured, moved, servers_needed, spread, table

PAGE = (Path(__file__).parents[3] / "docs" / "scaling.md").read_text()


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


def test_two_hubs_cost_what_two_real_hubs_have_cost() -> None:
    costs, load = measured(), LOADS[0]
    of_message = (cores(load, costs, hubs=2) * 1e6 - load.connections * costs.idle_per_second) / load.messages
    assert of_message == pytest.approx(costs.message + costs.hub_more, rel=0.01)


def test_what_is_said_to_be_needed_is_enough_and_one_less_is_not() -> None:
    costs = measured()
    for load in LOADS:
        hubs = hubs_needed(load, costs)
        assert cores(load, costs, hubs) <= 0.6 * hubs
        assert hubs == 1 or cores(load, costs, hubs - 1) > 0.6 * (hubs - 1)
        assert servers_needed(load, costs, hubs) >= 1


def test_the_table_of_the_page_is_the_one_that_is_printed() -> None:
    assert table() in PAGE, "put what `python -m bench.simulate` prints into docs/scaling.md"
