"""iCalendar: what other programs read must be as RFC 5545 says."""

import re
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendars.icalendar import AllDay, calendar_file


def event(summary: str = "Cut", description: str = "", day: date = date(2026, 2, 28)) -> AllDay:
    return AllDay(UUID(int=7), day, summary, description, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


def lines(*events: AllDay) -> list[str]:
    """Return the lines of a calendar, put together again where they were folded."""
    text = calendar_file("OnSwift", "onswift", events).octets.decode()
    assert text.endswith("\r\n")
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert not re.search(r"(?<!\r)\n|\r(?!\n)", text)
    return text.replace("\r\n ", "").split("\r\n")[:-1]


def test_a_calendar_holds_events_with_stable_ids_and_whole_days() -> None:
    found = lines(event())
    assert (found[0], found[1], found[-1]) == ("BEGIN:VCALENDAR", "VERSION:2.0", "END:VCALENDAR")
    start = found.index("BEGIN:VEVENT")
    assert found[start : found.index("END:VEVENT")] == [
        "BEGIN:VEVENT",
        "UID:00000000-0000-0000-0000-000000000007@onswift",
        "DTSTAMP:20260102T030405Z",
        "DTSTART;VALUE=DATE:20260228",
        "SUMMARY:Cut",
        "TRANSP:TRANSPARENT",
    ]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a, b; c\\", "a\\, b\\; c\\\\"),
        ("one\ntwo\r\nthree\rfour", "one\\ntwo\\nthree\\nfour"),
        ("bell\x07\x1b", "bell  "),
        ("END:VEVENT\r\nEND:VCALENDAR", "END:VEVENT\\nEND:VCALENDAR"),
    ],
)
def test_no_text_breaks_out_of_its_line(text: str, written: str) -> None:
    assert f"SUMMARY:{written}" in lines(event(summary=text))


@pytest.mark.parametrize("text", ["x" * 300, "ä" * 200, "🎬" * 100, "a" + "🎬" * 100, "x" * 67, "x" * 68])
def test_long_lines_are_folded_between_characters_and_come_back_whole(text: str) -> None:
    assert f"SUMMARY:{text}" in lines(event(summary=text))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=400))
def test_any_text_comes_back_as_calendar_programs_read_it(text: str) -> None:
    found = next(line for line in lines(event(summary=text)) if line.startswith("SUMMARY:")).removeprefix("SUMMARY:")
    unescaped = re.sub(r"\\(.)", lambda pair: {"n": "\n"}.get(pair[1], pair[1]), found)
    told = text.replace("\r\n", "\n").replace("\r", "\n")
    assert unescaped == re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", " ", told)


def test_the_first_and_the_last_day_there_are_can_be_told() -> None:
    found = lines(event(day=date.min), event(day=date.max))
    assert [line for line in found if line.startswith("DTSTART")] == [
        "DTSTART;VALUE=DATE:00010101",
        "DTSTART;VALUE=DATE:99991231",
    ]
