"""Amounts as texts and back, exactly; and the decimals of currencies."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.base.errors import AppError
from core.payments.money import DECIMALS, MOST, formatted, parsed, places_of


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1250, "USD", "12.50"),
        (-5, "SAR", "-0.05"),
        (0, "EUR", "0.00"),
        (1250, "JPY", "1250"),
        (1250, "KWD", "1.250"),
        (-1, "CLF", "-0.0001"),
        (MOST, "BHD", "4000000000000000.000"),
    ],
)
def test_an_amount_is_written_with_the_decimals_of_its_currency(amount: int, currency: str, text: str) -> None:
    assert formatted(amount, currency) == text
    assert parsed(text, currency) == amount


@given(st.integers(-MOST, MOST), st.sampled_from(sorted(DECIMALS)))
def test_what_is_written_is_read_as_the_same_amount_without_rounding(amount: int, currency: str) -> None:
    text = formatted(amount, currency)
    assert parsed(text, currency) == amount
    assert Decimal(text).scaleb(places_of(currency)) == amount


@pytest.mark.parametrize(("text", "amount"), [("12", 1200), ("12.5", 1250), ("012.50", 1250), ("-0", 0)])
def test_fewer_decimals_are_enough(text: str, amount: int) -> None:
    assert parsed(text, "USD") == amount


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        ".",
        "1.",
        ".5",
        "1.005",
        "1,50",
        "1 000",
        "+1",
        "1e3",
        "NaN",
        "Infinity",
        "--1",
        "١٢",
        "1\n",
        " 1",
        "9" * 20,
    ],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(AppError, match="VALIDATION_ERROR"):
        parsed(text, "USD")


def test_an_amount_that_the_ledger_cannot_hold_is_refused() -> None:
    assert parsed("4000000000000000000", "JPY") == MOST
    with pytest.raises(AppError, match="VALIDATION_ERROR"):
        parsed("4000000000000000001", "JPY")


@pytest.mark.parametrize("currency", ["usd", "XXX", "", "USDT"])
def test_an_unknown_currency_is_refused(currency: str) -> None:
    with pytest.raises(AppError, match="VALIDATION_ERROR"):
        formatted(1, currency)


def test_a_provider_may_count_otherwise() -> None:
    assert DECIMALS["ISK"] == 0
    assert formatted(1200, "ISK", {**DECIMALS, "ISK": 2}) == "12.00"


def test_the_decimals_are_those_of_iso_4217() -> None:
    assert {code for code, places in DECIMALS.items() if places == 3} == {
        "BHD",
        "IQD",
        "JOD",
        "KWD",
        "LYD",
        "OMR",
        "TND",
    }
    assert {"JPY", "KRW", "ISK", "UGX", "CLP", "VND"} <= {code for code, places in DECIMALS.items() if places == 0}
    assert all(len(code) == 3 and code.isupper() for code in DECIMALS)
    assert all(
        DECIMALS[code] == 2 for code in ("HUF", "IDR", "COP", "MGA", "INR", "SAR", "AED")
    )  # CLDR says 0 for some
