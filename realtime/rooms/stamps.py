"""The stamps by which official clients recover: an `offset` event follows whatever a room sends in one turn of the loop.

A stamp names the hub and the moment, and each room notes how far it had delivered by then. See gateway/recovery.py.
"""

import re
from bisect import bisect_right
from time import time
from typing import Final

from realtime.bus.bus import Bus
from realtime.dialect.encoder import Encoder
from realtime.engine.transports.frames import text_frame
from realtime.rooms.room import Room

STAMP_SECONDS: Final = 60.0  # for so long a room keeps its stamps: a connection can be dead until the heartbeat notices
MOST_STAMPS: Final = 256  # of a room; a socket whose last stamp is older is recovered from a second before it
# Sent very often, so it is short: the beginning of the hub's id, the stamp and, if the hub gets nothing from Redis, since when.
OFFSET: Final = re.compile(r"([0-9a-f]{8})\.([0-9a-f]{1,14})(?:\.([0-9a-f]{1,14}))?", re.ASCII)
HUB_DIGITS: Final = 8
MICRO: Final = 1_000_000


class Stamps:
    """The stamps of one hub: microseconds, each later than the one before."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._hub = bus.origin.hex()[:HUB_DIGITS].encode()
        self._last = 0

    def frame(self, room: Room, moment: float) -> bytes:
        """Return the event that follows what a room delivers in this turn, and note how far that is."""
        stamp = self._next(moment)
        if len(room.stamps) >= MOST_STAMPS:
            del room.stamps[: MOST_STAMPS // 2]
        room.stamps.append((stamp, room.seq, room.version))
        return self._frame(room.encoder, stamp, moment)

    def alone(self, encoder: Encoder) -> bytes:
        """Return the event for a socket that has received all that its rooms have delivered."""
        return self._frame(encoder, self._next(time()), time())

    def _next(self, moment: float) -> int:
        self._last = max(self._last + 1, int(moment * MICRO))
        return self._last

    def _frame(self, encoder: Encoder, stamp: int, moment: float) -> bytes:
        if not self._bus.unheard:
            return text_frame(b'%b"%b.%x"]' % (encoder.offset_head, self._hub, stamp))
        # All that was committed before this moment has reached the sockets here, but for OVERLAP.
        heard = int((moment - self._bus.deaf_seconds()) * MICRO)
        return text_frame(b'%b"%b.%x.%x"]' % (encoder.offset_head, self._hub, stamp, heard))


def forget_old(room: Room, moment: float) -> None:
    """Forget stamps that are so old that each socket has received them, or is gone."""
    stamps = room.stamps
    if not stamps or stamps[0][0] >= (moment - STAMP_SECONDS) * MICRO:
        return
    old = bisect_right(stamps, ((moment - STAMP_SECONDS) * MICRO, 0, 0))
    _, seq, version = stamps[old - 1]
    stamps[:old] = [(0, seq, version)]  # any stamp that a socket may still come back with is higher
