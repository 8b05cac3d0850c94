"""How fast users may talk."""

import pytest

from core.budget import Rate
from core.errors import AppError
from realtime import wire
from realtime.limits import Limiter

SEND = wire.SendMessage.name


async def test_each_user_may_send_as_fast_as_his_own_market_allows() -> None:
    limiter = Limiter({"slow": Rate("messages", 1, 60), "fast": Rate("messages", 2, 60)})
    limiter.take(b"ann", "slow", SEND)
    with pytest.raises(AppError, match="1 at once"):
        limiter.take(b"ann", "slow", SEND)
    limiter.take(b"bob", "fast", SEND)
    limiter.take(b"bob", "fast", SEND)
    with pytest.raises(AppError, match="2 at once"):
        limiter.take(b"bob", "fast", SEND)


async def test_without_rates_nothing_is_limited() -> None:
    limiter = Limiter(None)
    for _ in range(1000):
        limiter.take(b"ann", "slow", SEND)
