"""Bounds what each address may have open at the ports of a process; holds the wheel with their deadlines."""

from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol

from core.budget import Nested, NestedBuckets, Rate
from realtime.engine.budget import Turns
from realtime.engine.heartbeat import Wheel

if TYPE_CHECKING:
    from realtime.engine.config import Config

# Bounds per address. One more evicts the oldest: an honest client is past this stage at once, so those that only hold places go.
MAX_HEADS: Final = 500  # connections that have not sent their first request yet
MAX_STRANGERS: Final = 1000  # sessions that no namespace has let in yet
MAX_KEPT: Final = 500  # HTTP connections; the least recently used one is evicted
# Bytes of messages and bodies that have begun; beyond, the connection that holds most is closed.
MAX_HELD: Final = 8 * 1024 * 1024
LEAST_HELD: Final = 4096  # bytes of one connection that are not worth counting
# Bytes of answers that clients of an address do not take, beyond what each connection may always have waiting; the same.
MAX_UNREAD: Final = 16 * 1024 * 1024
# What the connections of an address may have waiting before they are behind: one as much as is good, very many little each.
WATER: Final = 8 * 1024 * 1024  # bytes of the first of them together
LEAST_WATER: Final = 16 * 1024  # bytes of one
# Sessions that an address may open: an office whose hub was restarted is back at once, a larger one by trying again.
SESSIONS: Final = Rate("sessions", 1000, 5)
TARPIT: Final = 1.0  # seconds until a refused session is answered: it slows down clients that retry in a loop
TICKS: Final = 32  # of the wheel, within the shorter of the heartbeat's two delays


class Guest(Protocol):
    """A connection or session that counts against its address."""

    def crowded_out(self) -> None:
        """Close: newer ones of the address need the place."""


class Crowd:
    """The guests of each subject, the oldest first, at most `most` times its factor: one more, and the oldest goes."""

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
        """Move one to the end: it was just used."""
        for subject, _ in subjects:
            if (guests := self._guests.get(subject)) and guest in guests:
                del guests[guest]
                guests[guest] = None


class Held:
    """The bytes of unfinished messages and bodies of each subject, at most `most` times its factor: beyond, the largest goes."""

    __slots__ = ("_most", "_of")

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: dict[str, _Sizes] = {}

    def put(self, subjects: Nested, guest: Guest, size: int) -> None:
        """Note what one holds now."""
        for subject, factor in subjects:
            sizes = self._of.get(subject)
            if sizes is None:
                if size < LEAST_HELD:
                    continue
                sizes = self._of[subject] = _Sizes()
            sizes.put(guest, size if size >= LEAST_HELD else 0)
            if not sizes.of:
                del self._of[subject]
            elif sizes.total > self._most * factor and size >= LEAST_HELD:
                largest = max(sizes.of, key=sizes.of.__getitem__)
                largest.crowded_out()
                if largest is guest:
                    return  # it holds nothing any more


class _Sizes:
    """What each guest of a subject holds, and the sum."""

    __slots__ = ("of", "total")

    def __init__(self) -> None:
        self.of: dict[Guest, int] = {}
        self.total = 0

    def put(self, guest: Guest, size: int) -> None:
        self.total += size - self.of.pop(guest, 0)
        if size:
            self.of[guest] = size


class Shares:
    """How many bytes may wait for each connection of a subject: the more there are, the fewer for the next."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def enter(self, subjects: Nested, most: int) -> int:
        """Add a connection; return its share, at most `most`."""
        share = most
        for subject, factor in subjects:
            count = self._counts[subject] = self._counts.get(subject, 0) + 1
            share = min(share, WATER * factor // count)
        return max(share, LEAST_WATER)

    def leave(self, subjects: Nested) -> None:
        """Remove a connection."""
        for subject, _ in subjects:
            self._counts[subject] -= 1
            if not self._counts[subject]:
                del self._counts[subject]


class Guard:
    """The bounds of one process."""

    def __init__(self, config: "Config") -> None:
        self.config = config
        self.wheel = Wheel(min(config.ping_interval, config.ping_timeout) / TICKS)
        self.heads = Crowd(config.max_heads)
        self.strangers = Crowd(config.max_strangers)
        self.kept = Crowd(config.max_kept)
        self.held = Held(config.max_held)
        self.unread = Held(config.max_unread)
        self.shares = Shares()
        self.turns = Turns()
        self._sessions = NestedBuckets(config.sessions)

    def subjects(self, address: str) -> Nested:
        """Return what an address is counted as; nothing if it is not counted."""
        config = self.config
        return () if not address or not config.rates or config.trusted(address) else config.subjects(address)

    def wait(self, address: str, subjects: Nested) -> float:
        """Return 0.0 if an address may open one more session, or the seconds after which it is worth another try."""
        wait = self._sessions.take(subjects, monotonic())
        if wait > 0.0:
            self.config.limited("sessions", address)
        return wait
