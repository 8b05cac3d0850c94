"""Limits of calls: buckets and windows in Redis, and in the process while Redis is of no use."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from math import ceil
from typing import cast

import pytest
from redis import Redis
from redis.exceptions import TimeoutError as RedisTimeoutError

from core.accounts.attempts import attempt
from core.base.errors import INVALID_CREDENTIALS, AppError
from core.limits import shared_limits
from core.limits.budget import Rate, Window
from core.limits.shared_limits import Demand, SharedLimits, key_of
from core.work import rate_limits as limits
from core.work.context import Ctx
from core.work.rate_limits import Allowance, RateLimitedError, give_back, take, take_all
from marketplaces.onswift.policy import POLICY
from tests.flow.api.conftest import Api
from tests.flow.conftest import Environment, without_limits

RATE = Rate("test", count=3, seconds=60)
GUESSES = Window("guesses", count=3, seconds=60)


@pytest.fixture
def ctx(env: Environment) -> Ctx:
    return Ctx(env.resources, env.publisher, POLICY, "test")


async def wait_of(taking: Awaitable[object]) -> int:
    """Return after how many seconds a refused one may try again; 0: it was not refused."""
    try:
        await taking
    except RateLimitedError as refused:
        return refused.retry_after
    return 0


def take_there(ctx: Ctx, address: str, rate: Rate = RATE) -> Awaitable[Allowance]:
    """Take from the buckets of an address."""
    return take(replace(ctx, remote=address), rate, address)


def forget_refusals(ctx: Ctx) -> None:
    """Have the process ask Redis again, as it does after some seconds."""
    for refusal in ctx.resources.limits._refusals._buckets.values():
        refusal.forget()


async def pass_time(ctx: Ctx, key: str, milliseconds: float) -> None:
    """Have a bucket or a log of moments stand as if so much time had passed, and also what the process knows of it."""
    forget_refusals(ctx)
    redis = ctx.resources.redis
    if await redis.type(key) == b"string":
        await redis.set(key, float(await redis.get(key)) - milliseconds)
        return
    moments = [
        float(moment) - milliseconds for moment in await cast("Awaitable[list[bytes]]", redis.lrange(key, 0, -1))
    ]
    await redis.delete(key)
    for moment in moments:
        await cast("Awaitable[int]", redis.rpush(key, str(moment)))


async def test_a_bucket_gives_what_it_holds_and_says_what_is_left(ctx: Ctx) -> None:
    assert [(await take(ctx, RATE, "ann")).remaining for _ in range(3)] == [2, 1, 0]
    assert 1 <= await wait_of(take(ctx, RATE, "ann")) <= 20
    assert (await take(ctx, RATE, "bob")).remaining == 2, "each subject has its own"
    assert (await take(ctx, Rate("other", 3, 60), "ann")).remaining == 2, "for each rate"


@pytest.mark.parametrize("rate", [RATE, GUESSES])
async def test_of_many_at_once_as_many_get_through_as_there_are(ctx: Ctx, rate: Rate) -> None:
    results = await asyncio.gather(*(take(ctx, rate, "ann") for _ in range(20)), return_exceptions=True)
    assert len([one for one in results if isinstance(one, limits.Allowance)]) == 3


@pytest.mark.parametrize("rate", [RATE, GUESSES])
async def test_what_is_put_back_can_be_taken_again_and_no_more(ctx: Ctx, rate: Rate) -> None:
    for _ in range(3):
        await take(ctx, rate, "ann")
    await give_back(ctx, (rate, "ann"))
    assert (await take(ctx, rate, "ann")).remaining == 0
    for _ in range(10):
        await give_back(ctx, (rate, "ann"))
    assert (await take(ctx, rate, "ann")).remaining == 2


async def test_a_bucket_fills_up_again_and_then_leaves_nothing_behind(ctx: Ctx) -> None:
    fast = Rate("fast", count=2, seconds=1)
    for _ in range(2):
        await take(ctx, fast, "ann")
    key = key_of("onswift", fast, "ann")
    assert 0 < await ctx.resources.redis.pttl(key) <= 1000
    await pass_time(ctx, key, 500)
    assert (await take(ctx, fast, "ann")).remaining == 0


async def test_of_a_window_nothing_comes_back_before_the_first_is_a_window_old(ctx: Ctx) -> None:
    key = key_of("onswift", GUESSES, "ann")
    assert (await take(ctx, GUESSES, "ann")).remaining == 2
    await pass_time(ctx, key, 50_000)
    assert [(await take(ctx, GUESSES, "ann")).remaining for _ in range(2)] == [1, 0]
    assert 9 <= await wait_of(take(ctx, GUESSES, "ann")) <= 10
    await pass_time(ctx, key, 10_000)
    assert (await take(ctx, GUESSES, "ann")).remaining == 0
    assert 49 <= await wait_of(take(ctx, GUESSES, "ann")) <= 50
    assert 0 < await ctx.resources.redis.pttl(key) <= 60_000


async def test_the_sixth_failed_login_within_fifteen_minutes_is_refused(ctx: Ctx, api: Api) -> None:
    ann = await api.signed_up()
    key = key_of("onswift", POLICY.login.address, "127.0.0.1")
    for _ in range(5):
        assert (await api.log_in(ann.email, "Wrong-horse-7")).status == 401
        await pass_time(ctx, key, 2.5 * 60_000)
    refused = await api.log_in(ann.email)
    assert (refused.status, refused.code) == (429, "RATE_LIMITED")
    assert 100 < int(refused.headers["Retry-After"]) <= 150, "the first was 12 minutes and a half ago"
    await pass_time(ctx, key, 2.5 * 60_000)
    assert [(await api.log_in(ann.email)).status for _ in range(3)] == [200] * 3, "successes do not count"
    assert (await api.log_in(ann.email, "Wrong-horse-7")).status == 401
    assert (await api.log_in(ann.email)).status == 429


async def test_what_weighs_more_is_charged_into_debt_and_paid_before_the_next(ctx: Ctx) -> None:
    await take(ctx, RATE, "ann", 1, 5)
    assert 79 <= await wait_of(take(ctx, RATE, "ann")) <= 80
    assert await wait_of(take(ctx, RATE, "bob", 1)) == 0
    assert await wait_of(take(ctx, RATE, "bob", 3)) > 0
    assert (await take(ctx, RATE, "bob")).remaining == 1, "what is refused costs nothing"


async def test_what_costs_more_than_the_rate_is_allowed_when_nothing_is_owed(ctx: Ctx) -> None:
    assert await wait_of(take(ctx, RATE, "ann", 10)) == 0
    assert await wait_of(take(ctx, RATE, "ann")) > 60


async def test_a_key_is_short_whatever_the_subject(ctx: Ctx) -> None:
    for subject in ("x" * 100_000, "\udcff", "İ@example.com", "a:b*{c}\n"):
        await take(ctx, RATE, subject)
    keys = [key async for key in ctx.resources.redis.scan_iter("limit:*")]
    assert len(keys) == 4
    assert max(map(len, keys)) < 64


async def test_addresses_of_one_64_share_a_bucket_and_those_of_one_48_a_wider_one(ctx: Ctx) -> None:
    for host in range(3):
        await take_there(ctx, f"2001:db8:1:1::{host}")
    assert await wait_of(take_there(ctx, "2001:db8:1:1::99")) > 0
    for net in range(2, 9):
        for _ in range(3):
            await take_there(ctx, f"2001:db8:1:{net}::1")
    assert await wait_of(take_there(ctx, "2001:db8:1:9::1")) > 0, "24 were taken of the /48"
    assert await wait_of(take_there(ctx, "2001:db8:2:1::1")) == 0
    assert await wait_of(take_there(ctx, "192.0.2.1")) == 0


async def test_a_64_that_is_refused_takes_nothing_from_its_48(ctx: Ctx) -> None:
    assert sum([await wait_of(take_there(ctx, "2001:db8:1:1::1")) > 0 for _ in range(50)]) == 47
    for _ in range(3):
        assert await wait_of(take_there(ctx, "2001:db8:1:2::1")) == 0


async def test_what_an_address_gets_back_goes_to_both_of_its_buckets(ctx: Ctx) -> None:
    there = replace(ctx, remote="2001:db8:1:1::1")
    for _ in range(30):
        await take(there, GUESSES, there.remote)
        await give_back(there, (GUESSES, there.remote))
    assert (await take(there, GUESSES, there.remote)).remaining == 2


async def test_a_raised_user_may_do_so_many_times_as_much_but_not_guess_more(ctx: Ctx) -> None:
    user = "0190a0f0-0000-7000-8000-000000000001"
    raised = replace(ctx.resources, limits=SharedLimits(ctx.resources.redis, {user: 10}))
    bot = replace(ctx, resources=raised)
    allowance = await take(bot, RATE, user)
    assert (allowance.rate.count, allowance.remaining) == (30, 29)
    assert (await take(bot, GUESSES, user)).remaining == 2
    assert (await take(bot, RATE, "another")).remaining == 2


async def test_without_limits_nothing_is_asked(ctx: Ctx) -> None:
    unlimited = replace(ctx, resources=replace(ctx.resources, settings=without_limits(ctx.resources.settings)))
    assert [(await take(unlimited, RATE, "ann")).remaining for _ in range(5)] == [3] * 5
    assert await ctx.resources.redis.dbsize() == 0


async def test_where_one_of_two_limits_refuses_the_other_is_not_charged(ctx: Ctx) -> None:
    """Whatever their kinds and order, in Redis and in the process."""
    wide = Window("wide", count=10, seconds=60)
    for _ in range(5):
        await wait_of(take_all(ctx, (wide, "address"), (RATE, "account")))
        await wait_of(take_all(ctx, (RATE, "account"), (wide, "address")))
    assert (await take(ctx, wide, "address")).remaining == 6
    here = [Demand("onswift", wide, "here"), Demand("onswift", RATE, "here")]
    for _ in range(5):
        ctx.resources.limits._take_here(here)
    assert [one.left for one in ctx.resources.limits._take_here(here)] == [7, 0]


async def test_a_request_refused_for_its_48_is_not_charged_to_its_64(ctx: Ctx) -> None:
    for net in range(8):
        for _ in range(3):
            await take_there(ctx, f"2001:db8:1:{net}::1")
    for _ in range(5):
        assert await wait_of(take_there(ctx, "2001:db8:1:99::1")) > 0
    assert (await take(ctx, RATE, "2001:db8:1:99::/64")).remaining == 2


async def test_an_attempt_that_one_limit_refuses_is_not_counted_by_the_other(ctx: Ctx) -> None:
    for _ in range(6):
        with suppress(AppError):
            async with attempt(ctx, (GUESSES, "address"), (Window("codes", 2, 60), "account")):
                raise INVALID_CREDENTIALS.error()
    assert (await take(ctx, GUESSES, "address")).remaining == 0, "two failed, four were refused"


async def test_a_refusal_of_redis_is_cached_until_it_ends(ctx: Ctx, asked: list[object]) -> None:
    for _ in range(3):
        await take(ctx, RATE, "ann")
    waits = [await wait_of(take(ctx, RATE, "ann")) for _ in range(50)]
    assert len(asked) == 4
    assert all(19 <= wait <= 20 for wait in waits)
    await wait_of(take(ctx, RATE, "ann", 0.5))
    assert len(asked) == 5, "what costs less may be there"
    await take(ctx, RATE, "bob")
    await take(ctx, GUESSES, "ann")
    assert len(asked) == 7


@pytest.mark.parametrize("rate", [RATE, GUESSES])
async def test_after_something_was_put_back_redis_is_asked_again(ctx: Ctx, rate: Rate) -> None:
    for _ in range(3):
        await take(ctx, rate, "ann")
    assert await wait_of(take(ctx, rate, "ann")) > 0
    await give_back(ctx, (rate, "ann"))
    assert await wait_of(take(ctx, rate, "ann")) == 0


async def test_what_was_refused_is_remembered_of_a_bounded_number_of_subjects(
    ctx: Ctx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctx.resources.limits._refusals, "_most", 5)
    for place in range(20):
        for _ in range(4):
            await wait_of(take(ctx, RATE, str(place)))
    assert 0 < len(ctx.resources.limits._refusals) <= 5


async def test_a_loop_that_is_held_for_longer_than_redis_may_take_is_no_outage(
    ctx: Ctx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_limits, "ANSWER_SECONDS", 0.01)
    asking = asyncio.create_task(take(ctx, RATE, "ann"))
    for _ in range(5):
        time.sleep(0.02)  # noqa: ASYNC251 - somebody's work, which holds the loop for twice the time
        await asyncio.sleep(0)
    assert (await asking).remaining == 2
    assert not is_away(ctx.resources.limits)


async def test_nor_is_a_client_that_has_given_up_by_the_clock_alone(ctx: Ctx, monkeypatch: pytest.MonkeyPatch) -> None:
    async def impatient(**_: object) -> object:
        raise RedisTimeoutError

    monkeypatch.setattr(ctx.resources.limits, "_script", impatient)
    assert [await wait_of(take(ctx, RATE, "ann")) > 0 for _ in range(4)] == [False] * 3 + [True], "the process decides"
    assert not is_away(ctx.resources.limits)


async def test_a_redis_that_comes_and_goes_stays_away_until_it_has_answered_some_times_in_a_row(
    ctx: Ctx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits of the process hold all the while: who has used his up gets no second burst."""
    monkeypatch.setattr(shared_limits, "AWAY_SECONDS", 3600.0)
    shared, broken = ctx.resources.limits, False
    script = shared._script

    async def unsteady(**given: object) -> object:
        if broken:
            raise ConnectionError
        return await script(**given)  # type: ignore[arg-type]

    monkeypatch.setattr(shared, "_script", unsteady)
    broken = True
    assert [await wait_of(take(ctx, RATE, "ann")) > 0 for _ in range(4)] == [False] * 3 + [True]
    for is_broken in (False, False, True, False, False):
        broken = is_broken
        await shared._settle_some()
        assert is_away(shared)
        assert await wait_of(take(ctx, RATE, "ann")) > 0
    await shared._settle_some()
    assert not is_away(shared)


def is_away(shared: SharedLimits) -> bool:
    return shared._away


def full(redis: Redis) -> None:
    redis.config_set("maxmemory", 1)


def read_only(redis: Redis) -> None:
    redis.replicaof("127.0.0.1", 1)


def hung(redis: Redis) -> None:
    redis.client_pause(60_000, all=False)  # what writes, as our scripts do


def mend(redis: Redis) -> None:
    redis.client_unpause()
    redis.config_set("maxmemory", 0)
    redis.replicaof("NO", "ONE")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list that gets an entry with each time that Redis is asked."""
    asked = list[object]()
    ask = SharedLimits._ask

    async def noted(*args: object) -> object:
        asked.append(args)
        return await ask(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(SharedLimits, "_ask", noted)
    return asked


@pytest.fixture
def server(redis_url: str) -> Iterator[Redis]:
    """Return a way to break the Redis of all tests, which is mended afterwards."""
    with Redis.from_url(redis_url) as redis:
        yield redis
        mend(redis)


@pytest.mark.parametrize("broken", [full, read_only, hung])
@pytest.mark.parametrize("rate", [RATE, GUESSES])
async def test_a_redis_that_is_full_read_only_or_hangs_is_replaced_by_the_process(
    ctx: Ctx, server: Redis, monkeypatch: pytest.MonkeyPatch, broken: Callable[[Redis], None], rate: Rate
) -> None:
    monkeypatch.setattr(shared_limits, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(shared_limits, "AWAY_SECONDS", 3600.0)
    broken(server)
    assert [(await take(ctx, rate, "ann")).remaining for _ in range(3)] == [2, 1, 0]
    assert await wait_of(take(ctx, rate, "ann")) > 0
    await give_back(ctx, (rate, "ann"))
    assert (await take(ctx, rate, "ann")).remaining == 0
    assert await wait_of(take_there(ctx, "2001:db8:1:1::1", rate)) == 0


async def test_one_call_waits_for_a_redis_that_hangs_and_the_next_do_not(
    ctx: Ctx, server: Redis, asked: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_limits, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(shared_limits, "AWAY_SECONDS", 3600.0)
    hung(server)
    for _ in range(100):
        await wait_of(take(ctx, RATE, "ann"))
    assert len(asked) == 1


@pytest.mark.parametrize("broken", [full, read_only])
async def test_when_redis_is_back_it_gets_what_was_spent_meanwhile(
    ctx: Ctx, server: Redis, monkeypatch: pytest.MonkeyPatch, broken: Callable[[Redis], None]
) -> None:
    monkeypatch.setattr(shared_limits, "AWAY_SECONDS", 0.05)
    mine = ctx.resources.limits
    broken(server)
    await take(ctx, RATE, "ann")
    assert is_away(mine)
    mend(server)
    await take(ctx, RATE, "ann")
    async with asyncio.timeout(20):
        await mine.settled()
    assert not is_away(mine)
    other = replace(ctx, resources=replace(ctx.resources, limits=SharedLimits(ctx.resources.redis, {})))
    assert (await take(other, RATE, "ann")).remaining <= 1


async def test_each_refusal_is_counted_by_the_name_of_its_limit(ctx: Ctx) -> None:
    for _ in range(5):
        await wait_of(take(ctx, RATE, "ann"))
    assert ctx.resources.metrics.registry.get_sample_value("greenroom_limited_total", {"kind": "test"}) == 2


@pytest.mark.parametrize(
    "costs",
    [
        [(1.0, 0.0)] * 8,
        [(0.5, 0.0)] * 14,
        [(1.0, 2.5), (3.0, 0.0), (2.0, 0.0), (0.5, 0.0), (0.5, 0.0)],
        [(5.0, 20.0), (1.0, 0.0), (-1.0, 0.0), (1.0, 0.0)],
        [(100.0, 0.0), (0.0, 0.0), (1.0, 0.0)],
        [(1.0, 0.0), (-1.0, 0.0), (-1.0, 0.0), (6.0, 0.0), (1.0, 0.0)],
    ],
)
@pytest.mark.parametrize("kind", [Rate, Window])
async def test_redis_and_the_process_reckon_alike(ctx: Ctx, kind: type[Rate], costs: list[tuple[float, float]]) -> None:
    rate = kind("alike", 6, 6000)
    if kind is Window:
        costs = [(float(ceil(cost)), 0.0) for cost, _ in costs]
    here = SharedLimits(ctx.resources.redis, {})
    for cost, more in costs:
        forget_refusals(ctx)
        [shared] = await ctx.resources.limits.take([Demand("onswift", rate, "shared", cost, more)])
        [alone] = here._take_here([Demand("onswift", rate, "alone", cost, more)])
        assert shared.left == alone.left
        assert shared.wait == pytest.approx(alone.wait, abs=5)
        assert shared.full_in == pytest.approx(alone.full_in, abs=5)
    await here.stop()
