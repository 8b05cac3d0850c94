"""Budgets: how much one subject (a connection, an address, a user) may ask for. Plain arithmetic, without any I/O.

Every limit is a `Rate`. Its bucket is one number, the moment at which it is full again (GCRA), so a bucket costs a float and
works alike in memory (here) and in Redis (core/limits.py). docs/limits.md lists who asks which budget, and when.
"""

from typing import Final

import msgspec

MOST_SUBJECTS: Final = 10_000


class Rate(msgspec.Struct, frozen=True):
    """A burst of `count`, refilled evenly over `seconds`."""

    name: str
    count: int
    seconds: int

    @property
    def interval(self) -> float:
        """Seconds in which one is refilled."""
        return self.seconds / self.count


class Bucket:
    """What one subject has left of a rate; times are seconds of any clock that does not go back."""

    __slots__ = ("full_at", "rate")

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.full_at = 0.0

    def take(self, now: float, cost: float = 1.0) -> float:
        """Take `cost` and return 0.0, or take nothing and return the seconds after which it can be taken.

        What costs more than the whole rate is allowed when the bucket is full, and paid for afterwards.
        """
        wait = self.wait(now, cost)
        if wait <= 0.0:
            self.charge(now, cost)
            return 0.0
        return wait

    def wait(self, now: float, cost: float = 1.0) -> float:
        """Return the seconds after which `cost` can be taken; 0.0 or less: now."""
        rate = self.rate
        return max(self.full_at, now) + min(cost, rate.count) * rate.interval - now - rate.seconds - 1e-9

    def charge(self, now: float, cost: float = 1.0) -> None:
        """Take `cost`, also if that is more than there is: later ones wait until it is paid."""
        self.full_at = max(self.full_at, now) + cost * self.rate.interval

    def is_full(self, now: float) -> bool:
        """Whether nothing is owed, so that the bucket may be forgotten."""
        return self.full_at <= now


class Buckets:
    """The buckets of many subjects of one rate, at most `most`: full ones are forgotten first, then the oldest."""

    __slots__ = ("_buckets", "_most", "rate")

    def __init__(self, rate: Rate, most: int = MOST_SUBJECTS) -> None:
        self.rate = rate
        self._most = most
        self._buckets: dict[str | bytes, Bucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def of(self, subject: str | bytes, now: float) -> Bucket:
        """Return the bucket of a subject."""
        bucket = self._buckets.get(subject)
        if bucket is None:
            if len(self._buckets) >= self._most:
                self._forget(now)
            bucket = self._buckets[subject] = Bucket(self.rate)
        return bucket

    def take(self, subject: str | bytes, now: float, cost: float = 1.0) -> float:
        """Take from the bucket of a subject, as `Bucket.take` does."""
        return self.of(subject, now).take(now, cost)

    def _forget(self, now: float) -> None:
        """Make room for at least a tenth, so that a flood of subjects does not look at all of them each time."""
        owing = {subject: bucket for subject, bucket in self._buckets.items() if not bucket.is_full(now)}
        spare = len(owing) - self._most * 9 // 10
        self._buckets = dict(list(owing.items())[spare:]) if spare > 0 else owing
