"""Rate limits of calls: whose bucket, and the error when it is empty. Where the buckets are: core/shared_limits.py."""

from collections.abc import Sequence
from math import ceil

import msgspec

from core.address import WIDER_FACTOR, subject, wider_subject
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
    """Take `cost` from the subject's bucket, and `more` even if it is not there; raise RateLimitedError when `cost` is not."""
    return await _take(ctx, rate, [Demand(ctx.market, rate, subject, cost, more)])


async def take_address(ctx: Ctx, rate: Rate) -> Allowance:
    """Take one from the bucket of where the call comes from: an IPv4 address, or a /64 of IPv6 within its /48."""
    return await _take(ctx, rate, _of_address(ctx, rate, 1.0))


async def give_back(ctx: Ctx, rate: Rate, subject: str) -> None:
    """Put back what `take` took: it turned out not to count. Of a Window the latest that was taken."""
    await _take(ctx, rate, [Demand(ctx.market, rate, subject, -1.0)])


async def give_back_address(ctx: Ctx, rate: Rate) -> None:
    """Put back what `take_address` took."""
    await _take(ctx, rate, _of_address(ctx, rate, -1.0))


def _of_address(ctx: Ctx, rate: Rate, cost: float) -> list[Demand]:
    demands = [Demand(ctx.market, rate, subject(ctx.remote), cost)]
    if wider := wider_subject(ctx.remote):
        demands.append(Demand(ctx.market, rate.times(WIDER_FACTOR), wider, cost))
    return demands


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
