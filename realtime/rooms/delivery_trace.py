"""When the newest changes came to this hub and when they were written to its sockets: what an operator asks of a message.

For all rooms together, so that a room costs nothing. On the path of every message, hence two plain appends for each; the work
is left to the caller. Moments are seconds on this hub's clock.
"""

from collections import deque
from datetime import UTC, datetime

from realtime.operations.admin_protocol import Passage, Way

KEPT = 50_000  # changes; 20 MB at most

Arrival = tuple[bytes, int, int, float, Way]  # a room's key, the version before, the last version, when, which way
Writing = tuple[bytes, int, int, float, int]  # likewise; to how many sockets

_UNKNOWN = (None, None)


class Passages:
    """The newest `kept` arrivals and writings, each in their order."""

    def __init__(self, kept: int = KEPT) -> None:
        self.arrivals: deque[Arrival] = deque(maxlen=kept)
        self.writings: deque[Writing] = deque(maxlen=kept)

    def of(self, key: bytes, version: int) -> Passage:
        """Return what is still known of a change."""
        # The first arrival counts: what waits behind a hole is in the log as well by the time that is read.
        arrivals = (one for one in self.arrivals if one[0] == key and one[1] < version <= one[2])
        writings = (one for one in self.writings if one[0] == key and one[1] < version <= one[2])
        *_, arrived_at, way = next(arrivals, _UNKNOWN)
        *_, written_at, sockets = next(writings, _UNKNOWN)
        return Passage(_moment(arrived_at), way, _moment(written_at), sockets)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
