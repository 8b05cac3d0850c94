"""When the newest changes came to this hub and when they were written to its sockets: what an operator asks of a message.

For all rooms together, so that a room costs nothing. On the path of every message, hence two plain appends for each; the work
is left to whoever asks. Moments are seconds on this hub's clock.
"""

from collections import deque
from datetime import UTC, datetime

from realtime.questions import Passage, Way

KEPT = 50_000  # changes; 13 MB at most

Arrival = tuple[bytes, int, int, float, Way]  # a room's key, the version before, the last version, when, which way
Writing = tuple[bytes, int, int, float, int]  # likewise; to how many sockets


class Passages:
    """The newest `kept` arrivals and writings, each in their order."""

    def __init__(self, kept: int = KEPT) -> None:
        self.arrivals: deque[Arrival] = deque(maxlen=kept)
        self.writings: deque[Writing] = deque(maxlen=kept)

    def of(self, key: bytes, version: int) -> Passage:
        """Return what is still known of a change."""
        # The first arrival counts: what waits behind a hole is in the log as well by the time that is read.
        arrived = next((one[3:] for one in self.arrivals if _covers(one, key, version)), None)
        written = next((one[3:] for one in self.writings if _covers(one, key, version)), None)
        return Passage(
            arrived_at=_moment(arrived[0]) if arrived else None,
            way=arrived[1] if arrived else None,
            written_at=_moment(written[0]) if written else None,
            sockets=written[1] if written else None,
        )


def _covers(one: Arrival | Writing, key: bytes, version: int) -> bool:
    return one[1] < version <= one[2] and one[0] == key


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
