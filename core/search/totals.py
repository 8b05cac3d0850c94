"""Totals of broad searches, counted once a minute: paging shows a stable total, and few callers wait for a count."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from time import monotonic

SECONDS = 60.0
MOST = 10_000


class Totals:
    """Counts of the last minute, most recently used."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._counts: OrderedDict[Hashable, tuple[int, float]] = OrderedDict()

    async def get(self, search: Hashable, count: Callable[[], Awaitable[int]]) -> int:
        """Return the number of matches, counted now or within the last minute."""
        known, until = self._counts.get(search, (0, 0.0))
        if self._now() < until:
            return known
        total = await count()
        self._counts[search] = total, self._now() + SECONDS
        self._counts.move_to_end(search)
        if len(self._counts) > MOST:
            self._counts.popitem(last=False)
        return total
