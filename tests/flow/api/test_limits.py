"""The bucket in Redis."""

import asyncio

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from core import limits
from core.budget import Rate
from core.context import Ctx
from core.limits import RateLimitedError, give_back, key_of, take
from tests.flow.conftest import House

RATE = Rate("test", count=3, seconds=60)


@pytest.fixture
def ctx(house: House) -> Ctx:
    return Ctx(house.resources, house.publisher, "onswift", "test")


async def test_a_bucket_gives_what_it_holds_and_says_what_is_left(ctx: Ctx) -> None:
    assert [(await take(ctx, RATE, "ann")).remaining for _ in range(3)] == [2, 1, 0]
    with pytest.raises(RateLimitedError) as refused:
        await take(ctx, RATE, "ann")
    assert 1 <= refused.value.retry_after <= 20
    assert (await take(ctx, RATE, "bob")).remaining == 2, "each subject has its own"
    assert (await take(ctx, Rate("other", 3, 60), "ann")).remaining == 2, "for each rate"


async def test_of_many_at_once_as_many_get_through_as_there_are(ctx: Ctx) -> None:
    results = await asyncio.gather(*(take(ctx, RATE, "ann") for _ in range(20)), return_exceptions=True)
    assert len([one for one in results if isinstance(one, limits.Allowance)]) == 3


async def test_what_is_put_back_can_be_taken_again_and_no_more(ctx: Ctx) -> None:
    for _ in range(3):
        await take(ctx, RATE, "ann")
    await give_back(ctx, RATE, "ann")
    assert (await take(ctx, RATE, "ann")).remaining == 0
    for _ in range(10):
        await give_back(ctx, RATE, "ann")
    assert (await take(ctx, RATE, "ann")).remaining == 2


async def test_a_bucket_fills_up_again_and_then_leaves_nothing_behind(ctx: Ctx) -> None:
    fast = Rate("fast", count=2, seconds=1)
    for _ in range(2):
        await take(ctx, fast, "ann")
    key = key_of("onswift", "fast", "ann")
    assert 0 < await ctx.resources.redis.pttl(key) <= 1000
    full_at = float(await ctx.resources.redis.get(key))
    await ctx.resources.redis.set(key, full_at - 500)  # half a window passes
    assert (await take(ctx, fast, "ann")).remaining == 0


async def test_a_redis_that_hangs_or_is_away_limits_nobody(ctx: Ctx, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise RedisConnectionError

    async def hanging(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(limits, "TIMEOUT_SECONDS", 0.01)
    for broken in (away, hanging):
        monkeypatch.setattr(ctx.resources.redis, "evalsha", broken)
        assert [(await take(ctx, RATE, "ann")).remaining for _ in range(5)] == [3] * 5
