"""What is limited is counted, and told without flooding the log or telling what is secret."""

import logging

import pytest

from core.limits.offenders import LINES_OF_KIND, MOST_REMEMBERED, Offenders
from core.platform.observability.metrics import Metrics

USER = "0190a0f0-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        ("203.0.113.77", "203.0.113.0/24 exceeds"),
        ("2001:db8:1:2::/64", "2001:db8:1::/48 exceeds"),
        (USER, f"user {USER} exceeds"),
        ("ann@example.com", "#"),
        ("\udcff", "#"),
    ],
)
def test_a_line_says_who_without_telling_what_is_secret(
    caplog: pytest.LogCaptureFixture, subject: str, shown: str
) -> None:
    with caplog.at_level(logging.WARNING):
        Offenders(Metrics()).limited("messages", subject)
    [line] = caplog.messages
    assert line.startswith(shown)
    assert "messages" in line
    assert "GREENROOM_RAISED_LIMITS" in line
    assert "ann" not in line
    assert "77" not in line


def test_each_refusal_is_counted_and_one_line_a_minute_is_logged_of_each(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    offenders = Offenders(metrics)
    for _ in range(100):
        offenders.limited("messages", USER)
        offenders.limited("events", USER)
    assert len(caplog.messages) == 2
    assert metrics.registry.get_sample_value("greenroom_limited_total", {"kind": "messages"}) == 100


def test_a_flood_of_subjects_neither_floods_the_log_nor_fills_the_memory(caplog: pytest.LogCaptureFixture) -> None:
    offenders = Offenders(Metrics())
    for place in range(MOST_REMEMBERED * 2):
        offenders.limited("address", f"10.0.{place >> 8}.{place & 255}")
    assert len(caplog.messages) == LINES_OF_KIND.count
    assert len(offenders._lines) <= MOST_REMEMBERED
