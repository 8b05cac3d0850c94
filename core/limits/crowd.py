"""Limits how many of something each address has open. Above the limit, the oldest is closed instead of the newest refused."""

from typing import Protocol

from core.limits.budget import Nested


class Guest(Protocol):
    """A connection, session or transfer that counts against its address."""

    def crowded_out(self) -> None:
        """Close, and leave: newer ones of the address replace it."""


class Crowd:
    """The guests of each subject, oldest first, at most `most` times its factor: one more evicts the oldest."""

    __slots__ = ("_guests", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._guests: dict[str, dict[Guest, None]] = {}

    def enter(self, subjects: Nested, guest: Guest) -> None:
        """Add one."""
        for subject, factor in subjects:
            guests = self._guests.setdefault(subject, {})
            guests[guest] = None
            if len(guests) > self._most * factor:
                next(iter(guests)).crowded_out()

    def leave(self, subjects: Nested, guest: Guest) -> None:
        """Remove one."""
        for subject, _ in subjects:
            if guests := self._guests.get(subject):
                guests.pop(guest, None)
                if not guests:
                    del self._guests[subject]

    def renew(self, subjects: Nested, guest: Guest) -> None:
        """Move one to the end, because it was just used."""
        for subject, _ in subjects:
            if (guests := self._guests.get(subject)) and guest in guests:
                del guests[guest]
                guests[guest] = None
