"""Rate limits that all processes share: buckets in Redis. While Redis is away nothing is limited: people come first."""

import asyncio
import hashlib
import logging

import msgspec

from core.away import REDIS_AWAY
from core.budget import Rate
from core.context import Ctx
from core.errors import RATE_LIMITED, AppError

TIMEOUT_SECONDS = 2.0

log = logging.getLogger(__name__)


class Allowance(msgspec.Struct, frozen=True):
    """What is left of a rate, and in how many seconds all of it is back."""

    rate: Rate
    remaining: int
    reset: int


class RateLimitedError(AppError):
    """RATE_LIMITED, with the seconds after which one more is allowed."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(RATE_LIMITED, RATE_LIMITED.message, ())
        self.retry_after = retry_after


# One number per bucket: the moment (ms) at which it is full again.
# KEYS[1] the bucket; ARGV count, window in ms, cost (-1 puts one back).
# Returns whether it was allowed, how many are left, and the ms until the next one (if refused) or until it is full.
_BUCKET = """
local count, window, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local after = math.max(full_at + cost * window / count, now)
local late = after - now - window
if late > 0 then return {0, 0, math.ceil(late)} end
redis.call('SET', KEYS[1], string.format('%.3f', after), 'PX', math.max(1, math.ceil(after - now)))
return {1, math.floor((window - (after - now)) * count / window + 0.001), math.ceil(after - now)}
"""


async def take(ctx: Ctx, rate: Rate, subject: str) -> Allowance:
    """Take one from the subject's bucket; raise RateLimitedError when it is empty."""
    answer = await _ask(ctx, rate, subject, 1)
    if answer is None:
        return Allowance(rate, rate.count, 0)
    allowed, remaining, milliseconds = answer
    seconds = -(-milliseconds // 1000)
    if not allowed:
        raise RateLimitedError(seconds)
    return Allowance(rate, remaining, seconds)


async def give_back(ctx: Ctx, rate: Rate, subject: str) -> None:
    """Put back what `take` took: it turned out not to count."""
    await _ask(ctx, rate, subject, -1)


def key_of(market: str, name: str, subject: str) -> str:
    """Return where a bucket is; the subject is hashed, because it may be an address of somebody, or of any length."""
    return f"limit:{market}:{name}:{hashlib.sha256(subject.encode()).hexdigest()[:32]}"


async def _ask(ctx: Ctx, rate: Rate, subject: str, cost: int) -> list[int] | None:
    if ctx.resources.settings.rate_limits == "off":
        return None
    bucket = ctx.resources.redis.register_script(_BUCKET)
    key = key_of(ctx.market, rate.name, subject)
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            answer: list[int] = await bucket(keys=[key], args=[rate.count, rate.seconds * 1000, cost])
    except REDIS_AWAY as error:
        log.warning("no limits right now: %r", error)
        return None
    return answer
