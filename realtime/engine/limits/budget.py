"""Bounds the work that one client may cause: per loop turn, over time, and by refusals.

A `Budget` belongs to a connection and is checked before anything is parsed. A client that has used it up is not read until it
is refilled, so that TCP slows the sender down; one that is refused too often is disconnected. `Turns` bounds the work of all
connections together in one turn of the loop. docs/limits.md has the whole picture.
"""

import asyncio
from collections import deque
from math import inf
from time import monotonic
from typing import Final, Protocol

from core.limits.budget import Bucket
from realtime.engine.config import Config

# A frame, a packet of a payload or a request costs one unit, and one more for each UNIT bytes.
UNIT: Final = 4096  # bytes
SEGMENT: Final = 1 / 16  # units for a piece of a frame: 1 MB over Ethernet makes 700 of them
AT_ONCE: Final = 16.0  # units that are taken from the bucket together, so that most frames cost one comparison

CONNECT_REFUSED: Final = 10.0  # refusals that a refused CONNECT counts as: a burst of six, then one in ten seconds

# Of a loop turn, in units. An event takes 20 to 100 us, so one connection holds the loop for less than a millisecond, and
# all that have more to be worked off for some three.
SLICE: Final = 8.0
TURN: Final = 32.0

# Of a turn, in units: parsing the head of a kept connection, and beginning to serve a connection or a request, with what aiohttp
# does for it: 100 to 300 us.
PARSE: Final = 2.0
SERVE: Final = 4.0

# Of a turn, in bytes: what is read of all connections, and of each in any case; and what is read of one at once.
READ_OF_TURN: Final = 512 * 1024
LITTLE: Final = 4096
AT_MOST: Final = 64 * 1024

# Queues of unknown senders, see `Turns`.
NEW: Final = ""
KNOWN: Final = "known"  # has been served before

# Consecutive pings that may stay unanswered because we did not read; after that the client counts as disconnected.
EXCUSES: Final = 5


class Budget:
    """The budget of one client; `credit` is what it may spend before the clock is read, in units; `turn`: see Turns."""

    __slots__ = (
        "_config",
        "_excuses",
        "_held",
        "_held_until",
        "_refusals",
        "_slowed",
        "_traffic",
        "address",
        "credit",
        "turn",
    )

    def __init__(self, config: Config, address: str) -> None:
        self.credit = 0.0 if config.rates else inf
        self._config = config
        self.address = address
        self.turn = NEW
        self._traffic = Bucket(config.traffic)
        self._refusals = Bucket(config.refusals)
        self._slowed = False
        self._held, self._held_until = False, 0.0  # since the last ping, or now
        self._excuses = 0

    def refill(self) -> float:
        """Turn what was refilled into credit and return 0.0, or else the seconds until the next try."""
        now, traffic = monotonic(), self._traffic
        if self.credit < 0.0:
            traffic.charge(now, -self.credit)
            self.credit = 0.0
        batch = min(AT_ONCE, traffic.rate.count)
        for units in (batch, 1.0):
            if traffic.take(now, units) <= 0.0:
                self.credit += units
                return 0.0
        return traffic.wait(now, batch)

    def hold(self, seconds: float) -> None:
        """Record that the client is not read for this time."""
        self._held, self._held_until = True, monotonic() + seconds
        if not self._slowed:
            self._slowed = True
            self._config.limited("traffic", self.address)

    def refuse(self, cost: float) -> bool:
        """Count a refusal; False if there were too many."""
        if not self._config.rates or self._refusals.take(monotonic(), cost) <= 0.0:
            return True
        self._config.limited("refusals", self.address)
        return False

    def excuses_silence(self) -> bool:
        """Whether a pong may be missing because we did not read since the ping, or since the last call of this."""
        held, self._held = self._held, monotonic() < self._held_until
        self._excuses += 1
        return held and self._excuses <= EXCUSES

    def heard_pong(self) -> None:
        """Record a pong: the client is connected."""
        self._held, self._excuses = False, 0


class Worker(Protocol):
    """A party with more work than one turn allows."""

    def work(self) -> float:
        """Do at most a slice, and return the units that it took."""


class Turns:
    """Round robin of workers with more to do than a turn allows, a slice each.

    There is a queue for each known sender, and two for all others, so that no sender waits behind another's backlog. `room` is
    the buffer for the next read.
    """

    def __init__(self) -> None:
        self._buffer = memoryview(bytearray(AT_MOST))
        self._little = self._buffer[:LITTLE]
        self.room = self._buffer
        self._bytes = READ_OF_TURN
        self._queues: dict[str, deque[Worker]] = {}  # the next one first
        self._waiting = 0
        self._left = TURN
        self._scheduled = False

    def add(self, worker: Worker, turn: str = NEW) -> None:
        """Call `worker.work()` in a later turn."""
        queue = self._queues.get(turn)
        if queue is None:
            queue = self._queues[turn] = deque()
        queue.append(worker)
        self._waiting += 1
        self._schedule()

    def pass_by(self, units: float, turn: str = NEW) -> bool:
        """Take units of this turn and return True, unless others wait in the same queue or the turn is used up."""
        if self._left <= 0.0 or turn in self._queues:
            return False
        self._left -= units
        self._schedule()
        return True

    def read(self, size: int) -> None:
        """Record bytes read in this turn; after too many, `room` becomes small for the rest of it."""
        self._bytes -= size
        if self._bytes <= 0:
            self.room = self._little
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        self._left = TURN
        self._bytes, self.room = READ_OF_TURN, self._buffer
        try:
            for _ in range(self._waiting):
                self._left -= self._next().work()
                if self._left <= 0.0:
                    break
        finally:
            if self._waiting or self._left < TURN:
                self._schedule()

    def _next(self) -> Worker:
        turn = next(iter(self._queues))
        queue = self._queues.pop(turn)
        worker = queue.popleft()
        if queue:
            self._queues[turn] = queue
        self._waiting -= 1
        return worker
