"""The time, in one place so that tests can set it."""

from datetime import UTC, date, datetime


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """Return the current day in UTC."""
    return now().date()
