"""Budgets: how much one subject (a connection, an address, a user) may request. Plain arithmetic, without I/O.

Every limit is a `Rate`. Its bucket is one number, the moment at which it is full again (GCRA), so a bucket costs a float and
works alike in memory (here) and in Redis (shared_limits.py). docs/limits.md lists every limit and where it is checked.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final, Generic, TypeAlias, TypeVar

import msgspec

MOST_SUBJECTS: Final = 10_000
LOOKED_AT: Final = 8  # compared when one must be evicted: not all, so that a flood of new subjects costs little


class Rate(msgspec.Struct, frozen=True):
    """A burst of `count`, refilled evenly over `seconds`."""

    name: str
    count: int
    seconds: int

    @property
    def interval(self) -> float:
        """Seconds in which one is refilled."""
        return self.seconds / self.count

    def times(self, factor: int) -> "Rate":
        """Return a rate with `factor` times the count in the same time."""
        return self if factor == 1 else msgspec.structs.replace(self, count=self.count * factor)

    def bucket(self) -> "Bucket":
        """Return a full bucket."""
        return Bucket(self)


class Window(Rate, frozen=True):
    """A sliding window: at most `count` within any `seconds`. For guesses, where a refill would allow more."""

    def bucket(self) -> "Bucket":
        """Return an empty log."""
        return WindowLog(self)


class Bucket:
    """The remaining rate of one subject; times are seconds of any monotonic clock."""

    __slots__ = ("_interval", "_longest", "full_at", "rate")

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.full_at = 0.0
        self._interval = rate.interval
        self._longest = rate.seconds + 1e-9  # from empty to full

    def take(self, now: float, cost: float = 1.0) -> float:
        """Take `cost` and return 0.0, or take nothing and return the seconds until it can be taken.

        A cost above the whole rate is allowed if the bucket is full, and paid off afterwards.
        """
        full_at = (self.full_at if self.full_at > now else now) + cost * self._interval
        if full_at - now <= self._longest:  # in the path of every event, so without function calls
            self.full_at = full_at
            return 0.0
        wait = self.wait(now, cost)
        if wait <= 0.0:
            self.charge(now, cost)
            return 0.0
        return wait

    def wait(self, now: float, cost: float = 1.0) -> float:
        """Return the seconds until `cost` can be taken; 0.0 or less: now. Putting back (a negative cost) never waits."""
        if cost <= 0.0:
            return 0.0
        return max(self.full_at, now) + min(cost, self.rate.count) * self._interval - now - self._longest

    def charge(self, now: float, cost: float = 1.0) -> None:
        """Take `cost`, into debt if necessary: later ones wait until it is paid off. A negative cost is put back."""
        self.full_at = max(self.full_at, now) + cost * self._interval

    def left(self, now: float) -> int:
        """Return how many can be taken."""
        return max(0, int((self.rate.seconds - max(self.full_at - now, 0.0)) / self._interval + 0.001))

    def debt(self, now: float) -> float:
        """Return how far it is from full, to compare buckets of one rate; 0.0 or less: no debt."""
        return self.full_at - now


class WindowLog(Bucket):
    """The timestamps within a `Window`, at most `count` of them; costs are integers."""

    __slots__ = ("_moments",)

    def __init__(self, rate: Rate) -> None:
        super().__init__(rate)
        self._moments: deque[float] = deque(maxlen=rate.count)

    def take(self, now: float, cost: float = 1.0) -> float:
        """Log `cost` timestamps and return 0.0, or log none and return the seconds until they fit."""
        wait = self.wait(now, cost)
        if wait <= 0.0:
            self.charge(now, cost)
            return 0.0
        return wait

    def wait(self, now: float, cost: float = 1.0) -> float:
        """Return the seconds until `cost` fit; 0.0: now."""
        self._drop_old(now)
        excess = len(self._moments) + min(int(cost), self.rate.count) - self.rate.count
        return self._moments[excess - 1] + self.rate.seconds - now if excess > 0 else 0.0

    def charge(self, now: float, cost: float = 1.0) -> None:
        """Log `cost` timestamps; a negative cost removes the latest ones."""
        self._moments.extend([now] * int(cost))
        for _ in range(min(-int(cost), len(self._moments))):
            self._moments.pop()
        self.full_at = self._moments[-1] + self.rate.seconds if self._moments else 0.0

    def left(self, now: float) -> int:
        """Return how many still fit."""
        return self.rate.count - sum(moment > now - self.rate.seconds for moment in self._moments)

    def debt(self, now: float) -> float:
        """Return the number of timestamps, plus a fraction that grows the later they are."""
        self._drop_old(now)
        return len(self._moments) + (self.full_at - now) / self.rate.seconds if self._moments else 0.0

    def _drop_old(self, now: float) -> None:
        while self._moments and self._moments[0] <= now - self.rate.seconds:
            self._moments.popleft()


class Refusal(Bucket):
    """A refusal by a remote bucket: applies to this cost and more, and need not be checked again until `full_at`."""

    __slots__ = ("_cost", "_until")

    def __init__(self, rate: Rate) -> None:
        super().__init__(rate)
        self._cost, self._until = 0.0, 0.0

    def remember(self, now: float, cost: float, wait: float) -> None:
        """Record that `cost` was refused for so many seconds, limited to those of the rate."""
        self._cost, self._until = cost, now + wait
        self.full_at = now + min(wait, self.rate.seconds)

    def wait(self, now: float, cost: float = 1.0) -> float:
        """Return the known seconds until `cost` can be taken there; 0.0: ask."""
        return self._until - now if self.full_at > now and cost >= self._cost else 0.0

    def forget(self) -> None:
        """Forget the refusal: something was put back."""
        self.full_at = 0.0


class Balance(Bucket):
    """A local copy of a bucket shared by processes: it decides on its own, and is settled with the shared one later.

    `key` is that of the shared bucket, `owed` was spent here and not charged there yet.
    """

    __slots__ = ("key", "owed")

    def __init__(self, rate: Rate, key: str) -> None:
        super().__init__(rate)
        self.key = key
        self.owed = 0.0

    def spend(self, now: float, cost: float) -> float:
        """Take as `take` does, and add the cost to `owed`."""
        wait = self.take(now, cost)
        if wait == 0.0:
            self.owed += cost
        return wait

    def overspend(self, now: float, cost: float) -> None:
        """Take, into debt if necessary, and add the cost to `owed`."""
        self.charge(now, cost)
        self.owed += cost

    def settle(self) -> float:
        """Return `owed`, to be charged to the shared bucket, and reset it."""
        owed, self.owed = self.owed, 0.0
        return owed

    def learn(self, now: float, full_in: float) -> None:
        """Adopt the state of the shared bucket, which is full in so many seconds, not counting `owed`."""
        self.full_at = max(self.full_at, now + full_in + self.owed * self._interval)


B = TypeVar("B", bound=Bucket)


class Subjects(Generic[B]):
    """The buckets of many subjects, created by `make`, at most `most`. The smallest debts are evicted first.

    So a flood of new subjects cannot erase debts, such as failed logins, neither those of others nor the attacker's own.
    """

    __slots__ = ("_buckets", "_make", "_most")

    def __init__(self, make: Callable[[str | bytes], B], most: int = MOST_SUBJECTS) -> None:
        self._make = make
        self._most = most
        self._buckets = OrderedDict[str | bytes, B]()

    def __len__(self) -> int:
        return len(self._buckets)

    def of(self, subject: str | bytes, now: float) -> B:
        """Return the bucket of a subject."""
        bucket = self._buckets.get(subject)
        if bucket is None:
            if len(self._buckets) >= self._most:
                self._forget(now)
            bucket = self._buckets[subject] = self._make(subject)
        return bucket

    def find(self, subject: str | bytes) -> B | None:
        """Return the existing bucket of a subject, if any."""
        return self._buckets.get(subject)

    def _forget(self, now: float) -> None:
        """Evict, among the next few in turn, the one with the smallest debt and all without debt."""
        buckets = self._buckets
        few = [buckets.popitem(last=False) for _ in range(min(LOOKED_AT, len(buckets)))]
        debts = [bucket.debt(now) for _, bucket in few]
        dropped = debts.index(min(debts))
        for place, (subject, bucket) in enumerate(few):
            if place != dropped and debts[place] > 0.0:
                buckets[subject] = bucket


class Buckets(Subjects[Bucket]):
    """The buckets of many subjects of one rate."""

    __slots__ = ("rate",)

    def __init__(self, rate: Rate, most: int = MOST_SUBJECTS) -> None:
        super().__init__(lambda _subject: rate.bucket(), most)
        self.rate = rate

    def take(self, subject: str | bytes, now: float, cost: float = 1.0) -> float:
        """Take from the bucket of a subject, as `Bucket.take` does."""
        return self.of(subject, now).take(now, cost)


# A subject and those that contain it, such as an address and its network; each has `factor` times the rate.
Nested: TypeAlias = tuple[tuple[str, int], ...]  # (subject, factor)


class NestedBuckets:
    """Buckets of nested subjects: a cost is taken from all of them or from none."""

    __slots__ = ("_levels", "_most", "rate")

    def __init__(self, rate: Rate, most: int = MOST_SUBJECTS) -> None:
        self.rate = rate
        self._most = most  # by factor
        self._levels: dict[int, Buckets] = {}

    def take(self, subjects: Nested, now: float, cost: float = 1.0) -> float:
        """Take `cost` and return 0.0, or take nothing and return the seconds to wait."""
        buckets = self._of(subjects, now)
        wait = max((bucket.wait(now, cost) for bucket in buckets), default=0.0)
        if wait > 0.0:
            return wait
        for bucket in buckets:
            bucket.charge(now, cost)
        return 0.0

    def wait(self, subjects: Nested, now: float, cost: float = 1.0) -> float:
        """Return the seconds until all have this much; 0.0 or less: now."""
        return max((bucket.wait(now, cost) for bucket in self._of(subjects, now)), default=0.0)

    def charge(self, subjects: Nested, now: float, cost: float = 1.0) -> None:
        """Take from all, into debt if necessary. A negative cost is put back."""
        for bucket in self._of(subjects, now):
            bucket.charge(now, cost)

    def _of(self, subjects: Nested, now: float) -> list[Bucket]:
        return [self._level(factor).of(subject, now) for subject, factor in subjects]

    def _level(self, factor: int) -> Buckets:
        level = self._levels.get(factor)
        if level is None:
            level = self._levels[factor] = Buckets(self.rate.times(factor), self._most)
        return level
