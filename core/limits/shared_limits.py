"""Limits shared by all processes: each subject has one bucket in Redis, and a local copy for code that cannot wait for Redis.

Calls ask Redis (`take`), which decides for all processes. Events of sockets do not wait: the local copy decides (`spend`), and
what was spent is charged in Redis in batches, within SETTLE_SECONDS. The answer is the state of the shared bucket, which
decides the next event. So processes that spend at the same moment may exceed the limit once; the excess is a debt, which is
paid off before anything else is allowed. While Redis is away, slow, read-only or full, `take` uses the local copies as well:
each process then enforces the same rates on its own.
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

from core.limits.budget import MOST_SUBJECTS, Balance, Bucket, Buckets, Rate, Refusal, Subjects, Window
from core.limits.outage import REDIS_ERRORS, LoopTimeout

ANSWER_SECONDS: Final = 0.5  # for Redis to answer, while the loop reads
AWAY_SECONDS: Final = 1.0  # between two background probes of a Redis that did not
PROBES: Final = 3  # consecutive successful probes before calls use Redis again
# How long a refusal is cached: another process may put back what it took for an attempt.
REFUSED: Final = Rate("refused", 1, 5)
LINES: Final = Rate("lines of an outage", 1, 60)
SETTLE_SECONDS: Final = 0.03
SETTLED_AT_ONCE: Final = 200  # buckets per script, which occupies Redis for about a millisecond
DIGEST_LETTERS: Final = 32

log = logging.getLogger(__name__)

# budget.py in Lua, in ms. ARGV, for each of KEYS: whether it is a Window ("1": a list of timestamps), the count, the period,
# the cost to take, and an additional cost, charged into debt if necessary. Everything is taken if there is enough
# everywhere, else nothing. Returns for each: the ms to wait (0: taken), the rest, the ms until it is full.
_SCRIPT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000

local function given(place)
  local at = place * 5 - 5
  return ARGV[at+1] == '1', tonumber(ARGV[at+2]), tonumber(ARGV[at+3]), tonumber(ARGV[at+4]), tonumber(ARGV[at+5])
end

local function late(key, is_window, count, period, cost)
  if cost <= 0 then return 0 end
  if not is_window then
    local full_at = math.max(tonumber(redis.call('GET', key) or now), now)
    local wait = full_at + math.min(cost, count) * period / count - now - period
    return wait > 0.01 and wait or 0
  end
  local excess = redis.call('LLEN', key) + math.min(cost, count) - count
  return excess > 0 and tonumber(redis.call('LINDEX', key, excess - 1)) + period - now or 0
end

local function drop_old(key, period)
  local oldest = redis.call('LINDEX', key, 0)
  while oldest and tonumber(oldest) <= now - period do
    redis.call('LPOP', key)
    oldest = redis.call('LINDEX', key, 0)
  end
end

local function charge(key, is_window, count, period, cost, more)
  if not is_window then
    if cost + more == 0 then return end
    local full_at = math.max(math.max(tonumber(redis.call('GET', key) or now), now) + (cost + more) * period / count, now)
    redis.call('SET', key, string.format('%.3f', full_at), 'PX', math.max(1, math.ceil(full_at - now)))
    return
  end
  for _ = 1, cost do redis.call('RPUSH', key, string.format('%.3f', now)) end
  for _ = 1, -cost do redis.call('RPOP', key) end
  if cost > 0 then
    redis.call('LTRIM', key, -count, -1)
    redis.call('PEXPIRE', key, period)
  end
end

local function state(key, is_window, count, period)
  if not is_window then
    local owed = math.max(tonumber(redis.call('GET', key) or now) - now, 0)
    return math.max(0, math.floor((period - owed) * count / period + 0.001)), math.ceil(owed)
  end
  local latest = redis.call('LINDEX', key, -1)
  return count - redis.call('LLEN', key), latest and math.max(0, math.ceil(tonumber(latest) + period - now)) or 0
end

local waits, refused = {}, false
for place, key in ipairs(KEYS) do
  local is_window, count, period, cost = given(place)
  if is_window then drop_old(key, period) end
  waits[place] = math.ceil(late(key, is_window, count, period, cost))
  refused = refused or waits[place] > 0
end
local answers = {}
for place, key in ipairs(KEYS) do
  local is_window, count, period, cost, more = given(place)
  if not refused then charge(key, is_window, count, period, cost, more) end
  local left, full_in = state(key, is_window, count, period)
  table.insert(answers, waits[place])
  table.insert(answers, left)
  table.insert(answers, full_in)
end
return answers
"""


class Demand(msgspec.Struct, frozen=True):
    """The demand on one bucket: `cost` if there is enough, and `more` with it, into debt if necessary."""

    market: str
    rate: Rate
    subject: str
    cost: float = 1.0
    more: float = 0.0


class Verdict(msgspec.Struct, frozen=True):
    """Seconds to wait (0.0: taken), how many are left, and the seconds until the bucket is full."""

    wait: float
    left: int
    full_in: float


class _Cost(msgspec.Struct, frozen=True):
    """The arguments of the script for one bucket."""

    key: str
    rate: Rate
    cost: float
    more: float

    def args(self) -> tuple[str | float, ...]:
        is_window = "1" if isinstance(self.rate, Window) else "0"
        return is_window, self.rate.count, self.rate.seconds * 1000, self.cost, self.more


_TRIAL: Final = _Cost("limit:trial", Rate("trial", 1, 1), 0.0, 1.0)


class SharedLimits:
    """The limits as seen by one process. `raised`: factors for the rates of some users, by user id."""

    def __init__(self, redis: Redis, raised: Mapping[str, int]) -> None:
        self._script = redis.register_script(_SCRIPT)
        self._raised = raised
        self._balances: dict[tuple[str, Rate], Subjects[Balance]] = {}
        self._windows: dict[tuple[str, Rate], Buckets] = {}
        self._unsettled: dict[Balance, None] = {}  # in the order of their first unsettled spending
        self._settling: asyncio.Task[None] | None = None
        self._refusals = Subjects(lambda _key: Refusal(REFUSED))
        self._away = False
        self._probes = 0  # successful since Redis was away
        self._lines = Bucket(LINES)

    def factor(self, subject: str) -> int:
        """Return the factor for the rates of a subject."""
        return self._raised.get(subject, 1)

    def rate_of(self, rate: Rate, subject: str) -> Rate:
        """Return the rate of a subject, raised if the settings say so; a `Window` limits guesses and is never raised."""
        return rate if isinstance(rate, Window) else rate.times(self.factor(subject))

    async def take(self, demands: Sequence[Demand]) -> list[Verdict]:
        """Take from all these buckets, or from none if one of them does not have enough; locally while Redis is away."""
        costs = [
            _Cost(key_of(one.market, one.rate, one.subject), self.rate_of(one.rate, one.subject), one.cost, one.more)
            for one in demands
        ]
        now = monotonic()
        known = [self._known(one, now) for one in costs]
        if any(one.wait > 0 for one in known):
            return known
        verdicts = None if self._away else await self._ask(costs)
        if verdicts is None:
            return self._take_here(demands)
        self._remember(costs, verdicts)
        return verdicts

    def _known(self, cost: _Cost, now: float) -> Verdict:
        """Return a cached refusal by Redis; putting something back invalidates it."""
        refusal = self._refusals.find(cost.key)
        if refusal and cost.cost < 0:
            refusal.forget()
        wait = refusal.wait(now, cost.cost) if refusal else 0.0
        return Verdict(wait, 0, wait)

    def _remember(self, costs: Sequence[_Cost], verdicts: Sequence[Verdict]) -> None:
        now = monotonic()
        for one, verdict in zip(costs, verdicts, strict=True):
            if verdict.wait > 0:
                self._refusals.of(one.key, now).remember(now, one.cost, verdict.wait)

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
        """Take from a local bucket, into debt if necessary."""
        balance.overspend(now, cost)
        self.refresh(balance)

    def refresh(self, balance: Balance) -> None:
        """Synchronise a local bucket with Redis soon: charge local spending, learn of spending elsewhere."""
        self._unsettled[balance] = None
        self._settle_soon()

    async def settled(self) -> None:
        """Return when all local spending is charged in Redis."""
        while self._settling:
            await asyncio.wait([self._settling])

    async def stop(self) -> None:
        """Charge outstanding spending in Redis, if it answers."""
        if self._settling:
            self._settling.cancel()
            await asyncio.wait([self._settling])
        while self._unsettled and not self._away:
            await self._settle_some()

    def _take_here(self, demands: Sequence[Demand]) -> list[Verdict]:
        now = monotonic()
        buckets = [self._bucket(one, now) for one in demands]
        waits = [max(bucket.wait(now, one.cost), 0.0) for bucket, one in zip(buckets, demands, strict=True)]
        if not any(waits):
            for bucket, one in zip(buckets, demands, strict=True):
                self._charge_here(bucket, now, one)
        return [
            Verdict(wait, bucket.left(now), max(bucket.full_at - now, 0.0))
            for wait, bucket in zip(waits, buckets, strict=True)
        ]

    def _charge_here(self, bucket: Bucket, now: float, demand: Demand) -> None:
        if isinstance(bucket, Balance):
            self.charge(bucket, now, demand.cost + demand.more)
        else:
            bucket.charge(now, demand.cost)

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
        """Settle one batch, oldest first."""
        some = list(islice(self._unsettled, SETTLED_AT_ONCE))
        for one in some:
            del self._unsettled[one]
        costs = [_Cost(one.key, one.rate, 0.0, one.settle()) for one in some]
        if self._away:  # only a write shows that a read-only or full Redis has recovered
            costs.append(_TRIAL)
        verdicts = await self._ask(costs)
        now = monotonic()
        # Without an answer it may have been charged, so it is not charged again: the local copy has it anyway.
        for one, verdict in zip(some, verdicts or (), strict=False):
            one.learn(now, verdict.full_in)
        if verdicts is not None:
            self._answered()

    def _answered(self) -> None:
        """Count a probe: an unstable Redis counts as away until it has answered several in a row."""
        self._probes += 1
        if self._away and self._probes >= PROBES:
            log.info("Redis enforces the limits for all processes again")
            self._away = False

    async def _ask(self, costs: Sequence[_Cost]) -> list[Verdict] | None:
        """Query Redis; None if it does not answer: then only the background task queries it, until it does."""
        args = [part for one in costs for part in one.args()]
        timeout = LoopTimeout(ANSWER_SECONDS)
        try:
            async with timeout:
                answer: list[int] = await self._script(keys=[one.key for one in costs], args=args)
        except REDIS_ERRORS as error:
            if not timeout.is_outage(error):
                return None
            if not self._away and self._lines.take(monotonic()) <= 0:
                log.warning("each process enforces the limits on its own, because Redis cannot: %r", error)
            self._away, self._probes = True, 0
            self._settle_soon()
            return None
        return [
            Verdict(wait / 1000, left, full_in / 1000)
            for wait, left, full_in in zip(answer[::3], answer[1::3], answer[2::3], strict=True)
        ]


def raised(items: Sequence[str]) -> dict[str, int]:
    """Parse `<user id>:<factor>`."""
    pairs = [item.split(":") for item in items]
    return {str(UUID(user)): int(factor) for user, factor in pairs}


def key_of(market: str, rate: Rate, subject: str) -> str:
    """Return the Redis key of a bucket: short, however long the subject is."""
    digest = sha256(subject.encode(errors="surrogateescape")).hexdigest()[:DIGEST_LETTERS]
    return f"limit:{market}:{rate.name}:{digest}"
