"""Bounds the connections and requests of each address at the ports of a process; has the timing wheel for their deadlines.

An address that exceeds its rate is not refused but served late. A connection has one request under way, and the connections of an
address are bounded, so a delay of a second bounds its throughput, slows a loop of requests, and leaves a share to its others.
"""

from collections.abc import Callable
from functools import lru_cache
from time import monotonic
from typing import Final, NamedTuple

from aiohttp import web

from core.limits.budget import Nested, NestedBuckets
from core.limits.crowd import Crowd, Guest
from realtime.engine.config import Config
from realtime.engine.limits.budget import Turns
from realtime.engine.wheel import Wheel

LEAST_HELD: Final = 4096  # bytes of one connection that are not worth counting
# Unread bytes that the connections of an address may have before they are behind: the more connections, the fewer each.
WATER: Final = 8 * 1024 * 1024  # bytes of the first of them together
LEAST_WATER: Final = 16 * 1024  # bytes of one
REMEMBERED: Final = 4096  # addresses whose parsed form is cached
TICKS: Final = 32  # of the wheel, within the shorter of the heartbeat's two delays


class Held:
    """The bytes of unfinished messages and bodies per subject, at most `most` times its factor; beyond, the largest is closed."""

    __slots__ = ("_most", "_of")

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: dict[str, _Sizes] = {}

    def put(self, subjects: Nested, guest: Guest, size: int) -> None:
        """Set the number of bytes that a guest holds now."""
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
    """The bytes held by each guest of a subject, and their sum."""

    __slots__ = ("of", "total")

    def __init__(self) -> None:
        self.of: dict[Guest, int] = {}
        self.total = 0

    def put(self, guest: Guest, size: int) -> None:
        self.total += size - self.of.pop(guest, 0)
        if size:
            self.of[guest] = size


class Shares:
    """How many bytes may wait for each connection of a subject: each further connection gets less."""

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


def _nobody() -> str:
    return ""


def _unknown(_request: web.BaseRequest) -> str:
    return ""


class Client(NamedTuple):
    """The client that a request is charged to; without subjects it is not charged."""

    address: str
    subjects: Nested


class Guard:
    """The bounds of one process.

    `session_of` and `user_of` return the accepted session of a request, or the user of its valid token; "" if it has none. The
    engine and the application set them.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.wheel = Wheel(min(config.ping_interval, config.ping_timeout) / TICKS)
        self.heads = Crowd(config.max_heads)
        self.strangers = Crowd(config.max_strangers)
        self.kept = Crowd(config.max_kept)
        self.held = Held(config.max_held)
        self.unread = Held(config.max_unread)
        self.shares = Shares()
        self.turns = Turns()
        self.late = Crowd(config.max_late)
        self.session_of: Callable[[web.BaseRequest], str] = _unknown
        self.user_of: Callable[[web.BaseRequest], str] = _unknown
        self.traffic = NestedBuckets(config.address_traffic)
        self.probes = NestedBuckets(config.address_probes)
        self.refusals = NestedBuckets(config.refusals)
        self._subjects = lru_cache(REMEMBERED)(self._work_out_subjects)

    def subjects(self, address: str) -> Nested:
        """Return the subjects that an address is charged to; none if it is not limited."""
        return self._subjects(address)

    def _work_out_subjects(self, address: str) -> Nested:
        config = self.config
        return () if not address or not config.rates or config.trusted(address) else config.subjects(address)

    def count_connection(self, client: Client) -> None:
        """Charge a new connection, which costs work even if it is closed immediately."""
        self.traffic.take(client.subjects, monotonic())

    def let_in(self, subjects: Nested) -> None:
        """Refund the cost of opening a session, so that users do not use up the rate of their address."""
        self.traffic.charge(subjects, monotonic(), -1.0)

    def client(self, peer: str, forwarded: str | None) -> Client:
        """Return the client to charge: behind our proxies, the forwarded address; without subjects if that is invalid."""
        try:
            address = self.config.address(peer, forwarded)
        except ValueError:
            return Client(peer, ())
        return Client(address, self.subjects(address))

    def sender(self, request: web.BaseRequest) -> str:
        """Return the sender to charge for a request whose address has used up its rate."""
        return self.session_of(request) or self.user_of(request)

    def is_late(
        self, client: Client, buckets: NestedBuckets, known: Callable[[], str] = _nobody, cost: float = 1.0
    ) -> bool:
        """Charge a request; True if it exceeds the rate. A `known` sender is charged itself if its address has nothing left."""
        now = monotonic()
        if buckets.take(client.subjects, now, cost) <= 0.0:
            return False
        if (user := known()) and buckets.take(((user, 1),), now, cost) <= 0.0:
            return False
        self.config.limited(buckets.rate.name, client.address)
        return True
