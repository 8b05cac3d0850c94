"""How fast a user may talk: token buckets in memory, per user and hub."""

import asyncio
from collections.abc import Mapping

from core import errors
from core.budget import Rate
from realtime import wire

# Everything but messages: typing, reading, joining. Generous: it only stops a client that has gone wrong.
OTHER_EVENTS = Rate("events", 200, 10)
FORGET_ABOVE = 10_000


class Bucket:
    """What one user has left."""

    __slots__ = ("left", "rate", "since")

    def __init__(self, rate: Rate, moment: float) -> None:
        self.rate = rate
        self.left = float(rate.count)
        self.since = moment

    def refill(self, moment: float) -> float:
        """Return how many tokens there are now."""
        self.left = min(self.left + (moment - self.since) * self.rate.count / self.rate.seconds, float(self.rate.count))
        self.since = moment
        return self.left


class Limiter:
    """The buckets of all users of one hub; `messages` is the rate of each market. A reconnect does not fill a bucket."""

    def __init__(self, messages: Mapping[str, Rate] | None) -> None:
        self._messages = messages
        self._buckets: dict[tuple[bytes, bool], Bucket] = {}

    def take(self, user: bytes, market: str, event: str) -> None:
        """Take one token; raises RATE_LIMITED. Without rates for messages, nothing is limited."""
        if self._messages is None:
            return
        moment = asyncio.get_running_loop().time()
        is_message = event == wire.SendMessage.name
        bucket = self._buckets.get((user, is_message))
        if bucket is None:
            bucket = self._open(
                user, self._messages[market] if is_message else OTHER_EVENTS, moment, is_message=is_message
            )
        if bucket.refill(moment) < 1:
            raise errors.RATE_LIMITED.error(f"Slow down: {bucket.rate.count} at once, then a pause")
        bucket.left -= 1

    def _open(self, user: bytes, rate: Rate, moment: float, *, is_message: bool) -> Bucket:
        if len(self._buckets) > FORGET_ABOVE:
            self._buckets = {key: one for key, one in self._buckets.items() if one.refill(moment) < one.rate.count}
        bucket = self._buckets[user, is_message] = Bucket(rate, moment)
        return bucket
