"""One timing wheel for all delays of a process: pings, pongs, handshakes, closing.

A timer per connection costs memory and heap operations; here a delay is an entry in the set of its tick.
"""

import asyncio
from typing import Final, Protocol

CATCH_UP: Final = 8  # ticks


class Timed(Protocol):
    """What can wait on the wheel, for one thing at a time; `slot` is the wheel's own (0: not waiting)."""

    slot: int

    def due(self) -> None:
        """The delay is over."""


class Wheel:
    """Delays rounded down to ticks of `tick` seconds.

    Time here is the number of ticks turned. A process that was stopped for long does not catch up with all of it:
    otherwise it would time its peers out before it had read what they sent in the meantime.
    """

    def __init__(self, tick: float) -> None:
        self.tick = tick
        self.now = 1
        self.is_over = False  # after `finish` nothing should wait any more
        self._slots: dict[int, set[Timed]] = {}
        self._handle: asyncio.TimerHandle | None = None

    def schedule(self, item: Timed, seconds: float) -> None:
        """Call `item.due()` in `seconds`, or up to a tick earlier, but never in this tick. Replaces an earlier delay."""
        if item.slot:
            self.cancel(item)
        item.slot = slot = self.now + max(1, int(seconds / self.tick))
        waiting = self._slots.get(slot)
        if waiting is None:
            self._slots[slot] = {item}
        else:
            waiting.add(item)

    def cancel(self, item: Timed) -> None:
        """Forget the delay of `item`, if it has one."""
        waiting = self._slots.get(item.slot)
        if waiting is not None:
            waiting.discard(item)
        item.slot = 0

    def turn(self) -> None:
        """Go on by one tick."""
        self.now += 1
        for item in self._slots.pop(self.now, ()):
            if item.slot == self.now:  # else an earlier item of this tick has cancelled it
                item.slot = 0
                item.due()

    def start(self) -> None:
        """Turn on the running loop until `finish`."""
        loop = asyncio.get_running_loop()
        self._handle = loop.call_at(loop.time() + self.tick, self._beat, loop, loop.time() + self.tick)

    def stop(self) -> None:
        """Stop, with all delays pending."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def finish(self) -> None:
        """Stop, after making all pending delays due now."""
        self.stop()
        self.is_over = True
        while self._slots:
            self.turn()

    def _beat(self, loop: asyncio.AbstractEventLoop, planned: float) -> None:
        late = int((loop.time() - planned) / self.tick)
        following = planned + (1 + late) * self.tick
        self._handle = loop.call_at(following, self._beat, loop, following)
        for _ in range(1 + min(late, CATCH_UP)):
            self.turn()
