"""When the newest changes came to this hub and when they were written to its sockets, for operators who trace a message.

For all rooms together, so that a room costs nothing. On the path of every message, hence two plain appends for each; the work
is left to the reader. Moments are seconds on this hub's clock.
"""

from collections import deque
from datetime import UTC, datetime
from typing import Literal

import msgspec

KEPT = 50_000  # changes; 20 MB at most

Source = Literal["own", "bus", "log"]  # of a change: this hub's own journal, the bus, the message log
Arrival = tuple[bytes, int, int, float, Source]  # a room's key, the version before, the last version, when, from where
Writing = tuple[bytes, int, int, float, int]  # likewise; to how many sockets

_UNKNOWN = (None, None)


class ChangeTrace(msgspec.Struct, frozen=True, rename="camel"):
    """How a change passed through one hub, by that hub's clock: when and from where it came, when it was written to `sockets`.

    Null is what the hub does not know yet, or any more: it keeps its newest 50,000 changes.
    """

    arrived_at: datetime | None = None
    source: Source | None = msgspec.field(name="way", default=None)
    written_at: datetime | None = None
    sockets: int | None = None


class DeliveryTrace:
    """The newest `kept` arrivals and writings, each in their order."""

    def __init__(self, kept: int = KEPT) -> None:
        self.arrivals: deque[Arrival] = deque(maxlen=kept)
        self.writings: deque[Writing] = deque(maxlen=kept)

    def of(self, key: bytes, version: int) -> ChangeTrace:
        """Return what is still known of a change."""
        # The first arrival counts: a change that waits behind a hole may be read from the log as well.
        arrivals = (one for one in self.arrivals if one[0] == key and one[1] < version <= one[2])
        writings = (one for one in self.writings if one[0] == key and one[1] < version <= one[2])
        *_, arrived_at, source = next(arrivals, _UNKNOWN)
        *_, written_at, sockets = next(writings, _UNKNOWN)
        return ChangeTrace(_moment(arrived_at), source, _moment(written_at), sockets)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
