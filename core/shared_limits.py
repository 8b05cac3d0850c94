"""Limits that all processes share: each subject has one bucket in Redis, and a local copy for what cannot wait for Redis.

Calls ask Redis (`take`), which decides for all processes. Events of sockets do not wait: the local copy decides (`spend`), and
what was spent is charged in Redis in batches, within SETTLE_SECONDS. The answer is the state of the shared bucket, by which the
next event is decided. So processes that spend at the same moment may exceed the limit once; the excess is a debt, to be paid
before anything else is allowed. While Redis is away, slow, read-only or full, `take` uses the local copies as well: each process
then enforces the same rates on its own.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import islice
from time import monotonic
from typing import Final
from uuid import UUID

import msgspec
from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from core.away import REDIS_AWAY
from core.budget import MOST_SUBJECTS, Balance, Bucket, Buckets, Rate, Subjects, Window

ANSWER_SECONDS: Final = 0.5  # that Redis has to answer
AWAY_SECONDS: Final = 1.0  # between two probes of a Redis that did not, in the background
LINES: Final = Rate("lines of an outage", 1, 60)
SETTLE_SECONDS: Final = 0.03
SETTLED_AT_ONCE: Final = 200  # buckets in one script, which keeps Redis busy for about a millisecond
DIGEST_LETTERS: Final = 32

log = logging.getLogger(__name__)

# core/budget.py in Lua, in ms. ARGV, for each of KEYS: the count, the window, the cost to take if there is enough (and no key
# before it was refused), and what to charge with it, also into debt. Returns for each: the ms to wait (0: taken), what is left,
# the ms until it is full.
_BUCKETS: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local answers, refused = {}, false
for place, key in ipairs(KEYS) do
  local at = place * 4 - 4
  local count, window, cost, more = tonumber(ARGV[at+1]), tonumber(ARGV[at+2]), tonumber(ARGV[at+3]), tonumber(ARGV[at+4])
  local full_at = math.max(tonumber(redis.call('GET', key) or now), now)
  local late = cost > 0 and full_at + math.min(cost, count) * window / count - now - window or 0
  refused = refused or late > 0.01
  if not refused and cost + more ~= 0 then
    full_at = math.max(full_at + (cost + more) * window / count, now)
    redis.call('SET', key, string.format('%.3f', full_at), 'PX', math.max(1, math.ceil(full_at - now)))
  end
  table.insert(answers, late > 0.01 and math.ceil(late) or 0)
  table.insert(answers, math.max(0, math.floor((window - (full_at - now)) * count / window + 0.001)))
  table.insert(answers, math.ceil(full_at - now))
end
return answers
"""

# The same of a Window: a list of the moments that count.
_WINDOWS: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local answers, refused = {}, false
for place, key in ipairs(KEYS) do
  local at = place * 4 - 4
  local count, window, cost = tonumber(ARGV[at+1]), tonumber(ARGV[at+2]), tonumber(ARGV[at+3])
  local oldest = redis.call('LINDEX', key, 0)
  while oldest and tonumber(oldest) <= now - window do
    redis.call('LPOP', key)
    oldest = redis.call('LINDEX', key, 0)
  end
  local excess = redis.call('LLEN', key) + math.min(cost, count) - count
  local late = excess > 0 and tonumber(redis.call('LINDEX', key, excess - 1)) + window - now or 0
  refused = refused or late > 0
  if not refused and cost > 0 then
    for _ = 1, cost do redis.call('RPUSH', key, string.format('%.3f', now)) end
    redis.call('LTRIM', key, -count, -1)
    redis.call('PEXPIRE', key, window)
  end
  for _ = 1, -cost do redis.call('RPOP', key) end
  local latest = redis.call('LINDEX', key, -1)
  table.insert(answers, math.max(0, math.ceil(late)))
  table.insert(answers, count - redis.call('LLEN', key))
  table.insert(answers, latest and math.max(0, math.ceil(tonumber(latest) + window - now)) or 0)
end
return answers
"""


class Demand(msgspec.Struct, frozen=True):
    """What is to be taken from one bucket: `cost` if there is enough, and `more` with it, also into debt."""

    market: str
    rate: Rate
    subject: str
    cost: float = 1.0
    more: float = 0.0


class Verdict(msgspec.Struct, frozen=True):
    """Seconds to wait (0.0: taken), how many are left, and the seconds until all of it is back."""

    wait: float
    left: int
    full_in: float


_TRIAL: Final = Balance(Rate("trial", 1, 1), "limit:trial")


class SharedLimits:
    """The limits as one process sees them. `raised`: the factors by which the rates of some users are raised, by user id."""

    def __init__(self, redis: Redis, raised: Mapping[str, int]) -> None:
        self._bucket_script = redis.register_script(_BUCKETS)
        self._window_script = redis.register_script(_WINDOWS)
        self._raised = raised
        self._balances: dict[tuple[str, Rate], Subjects[Balance]] = {}
        self._windows: dict[tuple[str, Rate], Buckets] = {}
        self._unsettled: dict[Balance, None] = {}  # in the order in which they were spent from
        self._settling: asyncio.Task[None] | None = None
        self._away = False
        self._lines = Bucket(LINES)

    def factor(self, subject: str) -> int:
        """Return the factor by which the rates of a subject are raised."""
        return self._raised.get(subject, 1)

    def rate_of(self, rate: Rate, subject: str) -> Rate:
        """Return the rate of a subject, raised if the settings say so; a `Window` limits guesses and is never raised."""
        return rate if isinstance(rate, Window) else rate.times(self.factor(subject))

    async def take(self, demands: Sequence[Demand]) -> list[Verdict]:
        """Take from buckets (all of a `Rate`, or all of a `Window`) up to the first refusal; locally while Redis is away."""
        script = self._window_script if isinstance(demands[0].rate, Window) else self._bucket_script
        keys = [key_of(one.market, one.rate, one.subject) for one in demands]
        costs = [(self.rate_of(one.rate, one.subject), one.cost, one.more) for one in demands]
        verdicts = None if self._away else await self._ask(script, keys, costs)
        return self._take_here(demands) if verdicts is None else verdicts

    def balances(self, market: str, rate: Rate, most: int = MOST_SUBJECTS) -> Subjects[Balance]:
        """Return the local buckets of a rate, by user id (as text or 16 bytes) or another subject."""
        known = self._balances.get((market, rate))
        if known is None:

            def make(subject: str | bytes) -> Balance:
                text = str(UUID(bytes=subject)) if isinstance(subject, bytes) else subject
                return Balance(self.rate_of(rate, text), key_of(market, rate, text))

            known = self._balances[market, rate] = Subjects(make, most)
        return known

    def spend(self, balance: Balance, now: float, cost: float) -> float:
        """Take from a local bucket, as `Bucket.take` does, and charge it in Redis soon. `now` is `monotonic()`."""
        wait = balance.spend(now, cost)
        if wait == 0.0 and balance not in self._unsettled:
            self.refresh(balance)
        return wait

    def charge(self, balance: Balance, now: float, cost: float) -> None:
        """Take from a local bucket, into debt if need be."""
        balance.overspend(now, cost)
        self.refresh(balance)

    def refresh(self, balance: Balance) -> None:
        """Synchronise a local bucket with Redis soon: charge there what was spent here, learn what was spent elsewhere."""
        self._unsettled[balance] = None
        self._settle_soon()

    async def settled(self) -> None:
        """Return when all that was spent here is charged in Redis."""
        while self._settling:
            await asyncio.wait([self._settling])

    async def stop(self) -> None:
        """Charge in Redis what is still outstanding, if it answers."""
        if self._settling:
            self._settling.cancel()
            await asyncio.wait([self._settling])
        while self._unsettled and not self._away:
            await self._settle_some()

    def _take_here(self, demands: Sequence[Demand]) -> list[Verdict]:
        now, verdicts = monotonic(), list[Verdict]()
        for one in demands:
            bucket = self._bucket(one, now)
            is_refused = bool(verdicts) and verdicts[-1].wait > 0
            wait = 0.0 if is_refused else self._take_from(bucket, now, one)
            verdicts.append(Verdict(wait, bucket.left(now), max(bucket.full_at - now, 0.0)))
        return verdicts

    def _take_from(self, bucket: Bucket, now: float, demand: Demand) -> float:
        if not isinstance(bucket, Balance):
            return bucket.take(now, demand.cost)
        wait = self.spend(bucket, now, demand.cost)
        if wait == 0.0 and demand.more:
            self.charge(bucket, now, demand.more)
        return wait

    def _bucket(self, demand: Demand, now: float) -> Bucket:
        if not isinstance(demand.rate, Window):
            return self.balances(demand.market, demand.rate).of(demand.subject, now)
        windows = self._windows.get((demand.market, demand.rate))
        if windows is None:
            windows = self._windows[demand.market, demand.rate] = Buckets(demand.rate)
        return windows.of(demand.subject, now)

    def _settle_soon(self) -> None:
        if self._settling is None:
            self._settling = asyncio.get_running_loop().create_task(self._settle(), name="limits are settled")

    async def _settle(self) -> None:
        """Settle until nothing is outstanding, and probe Redis while it is away."""
        try:
            while self._unsettled or self._away:
                await asyncio.sleep(AWAY_SECONDS if self._away else SETTLE_SECONDS)
                await self._settle_some()
                while self._unsettled and not self._away and len(self._unsettled) >= SETTLED_AT_ONCE:
                    await self._settle_some()
        finally:
            self._settling = None

    async def _settle_some(self) -> None:
        """Settle one batch, the oldest first."""
        some = list(islice(self._unsettled, SETTLED_AT_ONCE))
        for one in some:
            del self._unsettled[one]
        if self._away:  # only a write shows whether a Redis that was read-only or full has recovered
            _TRIAL.owed = 1.0
            some.append(_TRIAL)
        verdicts = await self._ask(
            self._bucket_script, [one.key for one in some], [(one.rate, 0.0, one.settle()) for one in some]
        )
        now = monotonic()
        # Without an answer it may have been charged all the same, so it is not charged again: the local copy has it anyway.
        for one, verdict in zip(some, verdicts or (), strict=False):
            one.learn(now, verdict.full_in)

    async def _ask(
        self, script: AsyncScript, keys: Sequence[str], costs: Sequence[tuple[Rate, float, float]]
    ) -> list[Verdict] | None:
        """Ask Redis; None if it does not answer: then only the background task asks it, until it does."""
        args = [part for rate, cost, more in costs for part in (rate.count, rate.seconds * 1000, cost, more)]
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer: list[int] = await script(keys=keys, args=args)
        except REDIS_AWAY as error:
            if not self._away and self._lines.take(monotonic()) <= 0:  # a busy loop may see Redis come and go
                log.warning("each process enforces the limits on its own, because Redis cannot: %r", error)
            self._away = True
            self._settle_soon()
            return None
        if self._away:
            log.info("the limits are shared again")
        self._away = False
        return [
            Verdict(wait / 1000, left, full_in / 1000)
            for wait, left, full_in in zip(answer[::3], answer[1::3], answer[2::3], strict=True)
        ]


def raised(items: Sequence[str]) -> dict[str, int]:
    """Read `<user id>:<factor>`."""
    pairs = [item.split(":") for item in items]
    return {str(UUID(user)): int(factor) for user, factor in pairs}


def key_of(market: str, rate: Rate, subject: str) -> str:
    """Return where Redis keeps a bucket: short, whatever a caller has given as the subject."""
    digest = sha256(subject.encode(errors="surrogateescape")).hexdigest()[:DIGEST_LETTERS]
    return f"limit:{market}:{rate.name}:{digest}"
