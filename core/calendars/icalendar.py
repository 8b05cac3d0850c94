"""iCalendar (RFC 5545): all-day events, in the format that calendars subscribe to."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from uuid import UUID

import msgspec

from core.base.answers import Text

MAX_OCTETS = 75  # of a line, without its line break (section 3.1)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class CalendarFile(Text):
    """A calendar as a file."""

    media_type = "text/calendar; charset=utf-8"


class AllDay(msgspec.Struct, frozen=True):
    """An event that lasts a day; `changed_at` is the time of its last change."""

    id: UUID
    day: date
    summary: str
    description: str
    changed_at: datetime


def calendar_file(name: str, domain: str, events: Iterable[AllDay]) -> CalendarFile:
    """Return a calendar; `domain` makes the ids of its events globally unique."""
    head = ["VERSION:2.0", f"PRODID:-//Greenroom//{_escaped(name)}//EN", "CALSCALE:GREGORIAN", "METHOD:PUBLISH"]
    named = [f"X-WR-CALNAME:{_escaped(name)}", "REFRESH-INTERVAL;VALUE=DURATION:PT1H", "X-PUBLISHED-TTL:PT1H"]
    body = [line for event in events for line in _event(event, domain)]
    lines = ["BEGIN:VCALENDAR", *head, *named, *body, "END:VCALENDAR"]
    return CalendarFile("".join(f"{_folded(line)}\r\n" for line in lines).encode())


def _event(event: AllDay, domain: str) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{event.id}@{domain}"
    yield f"DTSTAMP:{event.changed_at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    # Without an end it lasts the whole day (section 3.6.1).
    yield f"DTSTART;VALUE=DATE:{event.day.year:04}{event.day:%m%d}"
    yield f"SUMMARY:{_escaped(event.summary)}"
    if event.description:
        yield f"DESCRIPTION:{_escaped(event.description)}"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _escaped(text: str) -> str:
    """Return a value of type TEXT (section 3.3.11), without invalid characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return _CONTROLS.sub(" ", text).replace("\n", "\\n")


def _folded(line: str) -> str:
    """Fold a line that is too long, between characters; continuation lines begin with a blank."""
    octets = line.encode()
    if len(octets) <= MAX_OCTETS:
        return line
    pieces, start, room = [], 0, MAX_OCTETS
    while len(octets) - start > room:
        end = start + room
        while octets[end] & 0xC0 == 0x80:  # inside a character
            end -= 1
        pieces.append(octets[start:end])
        start, room = end, MAX_OCTETS - 1
    return b"\r\n ".join([*pieces, octets[start:]]).decode()
