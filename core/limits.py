"""Rate limits of calls: whose bucket, and the error when it is empty. Where the buckets are: core/shared_limits.py."""

from collections.abc import Sequence
from math import ceil

import msgspec

from core import address
from core.budget import Rate
from core.context import Ctx
from core.errors import RATE_LIMITED, AppError
from core.shared_limits import Demand


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


async def take(ctx: Ctx, rate: Rate, subject: str, cost: float = 1.0, more: float = 0.0) -> Allowance:
    """Take `cost` from the subject's bucket, and `more` even if it is not there; raise RateLimitedError when `cost` is not.

    The subject `ctx.remote` is its IPv4 address, or the /64 of its IPv6 address within its /48.
    """
    return await _take(ctx, rate, _demands(ctx, rate, subject, cost, more))


async def give_back(ctx: Ctx, rate: Rate, subject: str) -> None:
    """Put back what `take` took: it turned out not to count. Of a Window the latest that was taken."""
    await _take(ctx, rate, _demands(ctx, rate, subject, -1.0, 0.0))


def _demands(ctx: Ctx, rate: Rate, subject: str, cost: float, more: float) -> list[Demand]:
    if subject != ctx.remote:
        return [Demand(ctx.market, rate, subject, cost, more)]
    return [Demand(ctx.market, rate.times(factor), name, cost, more) for name, factor in address.subjects(subject)]


async def _take(ctx: Ctx, rate: Rate, demands: Sequence[Demand]) -> Allowance:
    resources = ctx.resources
    if resources.settings.rate_limits == "off":
        return Allowance(rate, rate.count, 0)
    verdicts = await resources.limits.take(demands)
    for demand, verdict in zip(demands, verdicts, strict=True):
        if verdict.wait > 0:
            resources.offenders.limited(rate.name, demand.subject)
            raise RateLimitedError(ceil(verdict.wait))
    raised = resources.limits.rate_of(rate, demands[0].subject)
    return Allowance(raised, verdicts[0].left, ceil(verdicts[0].full_in))
