"""One-time codes as they are typed."""

import pytest

from core.accounts.one_time.codes import digits
from core.accounts.status.states import STATES, refusal


@pytest.mark.parametrize("typed", ["012345", " 012 345 ", "012-345", "٠١٢٣٤٥", "०१२३४५", "0 1 2 3 4 5"])
def test_a_code_may_be_typed_with_blanks_and_in_the_digits_of_any_script(typed: str) -> None:
    assert digits(typed) == "012345"


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "12345x", "²12345", "1" * 33, "\u0000" * 6])
def test_anything_else_is_no_code(typed: str) -> None:
    assert digits(typed) is None


def test_each_status_leads_to_known_ones_and_back_to_active() -> None:
    assert all(state.next <= STATES.keys() for state in STATES.values())
    assert all("active" in state.next for status, state in STATES.items() if status != "active")


def test_only_an_active_account_logs_in() -> None:
    assert [status for status in STATES if refusal(status, None) is None] == ["active"]
