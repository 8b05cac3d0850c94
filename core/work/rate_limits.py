"""Rate limits of calls: chooses the bucket, raises when it is empty. The buckets are in core/limits/shared_limits.py."""

from collections.abc import Sequence
from math import ceil
from typing import TypeAlias

import msgspec

from core.base.errors import RATE_LIMITED, AppError
from core.limits import address
from core.limits.budget import Nested, Rate, Window
from core.limits.shared_limits import Demand, Verdict
from core.work.context import Ctx

Subject: TypeAlias = str | Nested


class Allowance(msgspec.Struct, frozen=True):
    """The remaining allowance of a rate, and the seconds until it is full again."""

    rate: Rate
    remaining: int
    reset: int


class RateLimitedError(AppError):
    """RATE_LIMITED, with the seconds until one more is allowed."""

    retry_after: int

    def __init__(self, retry_after: int) -> None:
        super().__init__(RATE_LIMITED, RATE_LIMITED.message, ())
        self.retry_after = retry_after


async def take(ctx: Ctx, rate: Rate, subject: Subject, cost: float = 1.0, more: float = 0.0) -> Allowance:
    """Take `cost` and `more` from the subject's bucket, which `more` may overdraw; raise RateLimitedError if `cost` is not there.

    The subject `ctx.remote` is its IPv4 address, or the /64 of its IPv6 address within its /48.
    """
    demands = _demands(ctx, rate, subject, cost, more)
    verdicts = await _take(ctx, demands)
    if not verdicts:
        return Allowance(rate, rate.count, 0)
    raised = ctx.resources.limits.rate_of(demands[0].rate, demands[0].subject)
    return Allowance(raised, verdicts[0].left, ceil(verdicts[0].full_in))


async def take_all(ctx: Ctx, *counted: tuple[Rate, Subject]) -> None:
    """Take one from each of these buckets; if one is empty, take nothing and raise RateLimitedError."""
    await _take(ctx, [demand for rate, subject in counted for demand in _demands(ctx, rate, subject)])


async def give_back(ctx: Ctx, *counted: tuple[Rate, Subject]) -> None:
    """Put back what `take_all` took for a call that does not count after all; in a Window, the latest entry."""
    await _take(ctx, [demand for rate, subject in counted for demand in _demands(ctx, rate, subject, -1.0)])


def _demands(ctx: Ctx, rate: Rate, subject: Subject, cost: float = 1.0, more: float = 0.0) -> list[Demand]:
    if subject == ctx.remote:
        subject = address.subjects(ctx.remote)
    nested: Nested = ((subject, 1),) if isinstance(subject, str) else subject
    *within, (widest, factor) = nested
    # A user's raised limits also apply to subjects within the user.
    raised = 1 if isinstance(rate, Window) else ctx.resources.limits.factor(widest)
    demands = [Demand(ctx.policy.name, rate.times(most * raised), name, cost, more) for name, most in within]
    return [*demands, Demand(ctx.policy.name, rate.times(factor), widest, cost, more)]


async def _take(ctx: Ctx, demands: Sequence[Demand]) -> Sequence[Verdict]:
    """Return the verdicts, none if limits are off; raise for the one with the longest wait."""
    resources = ctx.resources
    if resources.settings.rate_limits == "off":
        return ()
    verdicts = await resources.limits.take(demands)
    longest, refused = max(zip(verdicts, demands, strict=True), key=lambda pair: pair[0].wait)
    if longest.wait > 0:
        name = refused.rate.name
        # For a token, log its user, who can be looked up.
        widest = [one.subject for one in demands if one.rate.name == name][-1]
        resources.offenders.limited(name, widest)
        raise RateLimitedError(ceil(longest.wait))
    return verdicts
