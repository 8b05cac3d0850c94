"""Attempts that may fail, such as passwords and codes: only those that do count."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.base.errors import AppError
from core.limits.budget import Rate
from core.work import rate_limits as limits
from core.work.context import Ctx


@asynccontextmanager
async def attempt(ctx: Ctx, *taken: tuple[Rate, str]) -> AsyncIterator[None]:
    """Count a block for these subjects if it refuses its caller; raises RATE_LIMITED before it runs, after too many.

    Counted before it runs, and given back afterwards: attempts that run at once must not all slip through. A block that could not
    be run (the database is away, too many wait) does not count either. Where one of the subjects is refused, none is charged.
    """
    await limits.take_all(ctx, *taken)
    try:
        yield
    except AppError as error:
        if error.kind.retryable:
            await limits.give_back(ctx, *taken)
        raise
    except Exception:
        await limits.give_back(ctx, *taken)
        raise
    await limits.give_back(ctx, *taken)
