"""Phone numbers: one form for all ways to write one, and none for what gets no text messages."""

import pytest

from core.accounts.phones.numbers import Number, checked, parsed
from core.base.errors import AppError
from core.limits.budget import WindowLog
from core.work.rules.accounts import RESENDS, WAITS, OtpRules


@pytest.mark.parametrize(
    ("given", "region"),
    [
        ("+966 05 1234 5678", None),
        ("0512345678", "SA"),
        ("٠٥١٢٣٤٥٦٧٨", "SA"),
        ("00966512345678", "SA"),
        ("\u202a+966512345678\u202c", None),
        ("tel:+966512345678", "IN"),
    ],
)
def test_all_ways_to_write_a_number_are_one(given: str, region: str | None) -> None:
    assert parsed(given, region) == Number("+966512345678", 966)


@pytest.mark.parametrize(
    ("given", "region"),
    [
        ("", "SA"),
        ("nobody", "SA"),
        ("0512345678", None),
        ("966512345678", "IN"),
        ("+18005550199", None),
        ("+966512345678 ext 5", None),
        ("+9665123456789", None),
        ("1" * 65, "SA"),
    ],
)
def test_what_gets_no_messages_or_may_be_anybodys_is_no_number(given: str, region: str | None) -> None:
    assert parsed(given, region) is None


def test_the_country_is_the_calling_code_and_not_a_region_that_the_number_may_have() -> None:
    """The number of +44 7911 says Guernsey."""
    rules = OtpRules(calling_codes=frozenset({44}))
    assert checked("+44 7911 123456", rules).country == 44
    with pytest.raises(AppError):
        checked("+12025550101", rules)


def test_where_mobile_phones_cannot_be_told_from_others_all_numbers_are_let_in() -> None:
    assert parsed("+12025550101", None)


def test_the_waits_for_the_next_code_grow() -> None:
    logs = [WindowLog(rate) for rate in RESENDS]
    now, waits = 0.0, []
    for _ in range(len(WAITS) + 1):
        wait = max(log.wait(now) for log in logs)
        waits.append(round(wait))
        now += max(wait, 0.0)
        assert [log.take(now) for log in logs] == [0.0] * len(logs)
    assert waits == [0, *WAITS]
