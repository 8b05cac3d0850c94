"""How much users may say on a hub, and how often what fails may knock."""

from collections.abc import Callable
from uuid import UUID

import pytest
from redis.asyncio import Redis

from core.base.errors import AppError
from core.base.people import Person
from core.limits.budget import Rate
from core.limits.offenders import Offenders
from core.limits.shared_limits import SharedLimits
from core.platform.observability.metrics import Metrics
from core.work.context import User
from realtime import wire
from realtime.gateway import limits
from realtime.gateway.limits import FAILED_CONNECTS, OTHER_EVENTS, SOCKETS, WEIGHTS, Limiter

SEND, EDIT, REACT, TYPING = (
    event.name for event in (wire.SendMessage, wire.EditMessage, wire.ReactToMessage, wire.Typing)
)
ANN, BOB = (User(UUID(int=place), "fast", "creator", "", UUID(int=9), Person(UUID(int=place), "")) for place in (1, 2))
ann, bob = ANN.id.bytes, BOB.id.bytes
RATES = {"slow": Rate("messages", 1, 60), "fast": Rate("messages", 2, 60)}


def limiter(rates: dict[str, Rate] | None = RATES, raised: dict[str, int] | None = None) -> Limiter:
    """Return one whose Redis is never there: what it decides, it decides at once."""
    return Limiter(SharedLimits(Redis(port=1), raised or {}), Offenders(Metrics()), rates)


def flood(act: Callable[[], None]) -> None:
    for _ in range(OTHER_EVENTS.count * 2):
        act()


async def test_each_user_may_send_as_fast_as_his_own_market_allows() -> None:
    hub = limiter()
    hub.take(ann, "slow", SEND)
    with pytest.raises(AppError, match="try again in 60 s"):
        hub.take(ann, "slow", SEND)
    for _ in range(2):
        hub.take(bob, "fast", SEND)
    with pytest.raises(AppError, match="try again in 30 s"):
        hub.take(bob, "fast", SEND)


async def test_what_weighs_something_is_paid_from_one_budget() -> None:
    hub = limiter()
    for event in (REACT, EDIT, REACT):
        hub.take(ann, "fast", event)
    for event in (SEND, EDIT, REACT):
        with pytest.raises(AppError, match="Slow down"):
            hub.take(ann, "fast", event)
    hub.take(ann, "fast", TYPING)


async def test_what_an_event_weighs_beyond_its_base_is_owed_and_paid_first() -> None:
    hub = limiter()
    hub.take(ann, "fast", EDIT)
    hub.charge(ann, "fast", 10)
    with pytest.raises(AppError, match="try again in 300 s"):
        hub.take(ann, "fast", SEND)


@pytest.mark.parametrize("event", [TYPING, "no:such:event", ""])
async def test_all_other_events_count_also_those_that_there_are_not(event: str) -> None:
    hub = limiter()
    with pytest.raises(AppError, match="Slow down"):
        flood(lambda: hub.take(ann, "fast", event))
    hub.take(ann, "fast", SEND)
    hub.take(bob, "fast", event)


async def test_opening_a_socket_costs_an_event() -> None:
    hub = limiter()
    with pytest.raises(AppError, match="Slow down"):
        flood(lambda: hub.open(ANN, 0))


async def test_a_user_has_so_many_sockets_on_a_hub_and_a_raised_one_more() -> None:
    hub = limiter(raised={str(BOB.id): 2})
    hub.open(ANN, SOCKETS - 1)
    with pytest.raises(AppError, match="Too many connections"):
        hub.open(ANN, SOCKETS)
    hub.open(BOB, SOCKETS)
    with pytest.raises(AppError, match="Too many connections"):
        hub.open(BOB, SOCKETS * 2)


async def test_an_address_whose_connects_fail_is_turned_away_and_its_neighbours_in_a_64_with_it() -> None:
    hub = limiter()
    for place in range(FAILED_CONNECTS.count):
        hub.fail(f"2001:db8::{place:x}")
    with pytest.raises(AppError, match="Slow down"):
        hub.fail("2001:db8::ffff")
    hub.fail("2001:db8:0:1::1")
    hub.fail("192.0.2.1")


async def test_a_raised_user_may_do_so_many_times_as_much() -> None:
    hub = limiter(raised={str(ANN.id): 10})
    for _ in range(20):
        hub.take(ann, "fast", SEND)
    with pytest.raises(AppError, match="Slow down"):
        hub.take(ann, "fast", SEND)
    for _ in range(OTHER_EVENTS.count * 5):
        hub.take(ann, "fast", TYPING)


async def test_without_rates_nothing_is_limited_but_sockets() -> None:
    hub = limiter(rates=None)
    for _ in range(1000):
        hub.take(ann, "slow", SEND)
        hub.charge(ann, "slow", 100)
        hub.fail("192.0.2.1")
    with pytest.raises(AppError, match="Too many connections"):
        hub.open(ANN, SOCKETS)


async def test_a_refusal_is_counted_by_its_budget() -> None:
    metrics = Metrics()
    hub = Limiter(SharedLimits(Redis(port=1), {}), Offenders(metrics), RATES)
    for event in (SEND, SEND, SEND, EDIT):
        try:
            hub.take(ann, "fast", event)
        except AppError:
            continue
    assert metrics.registry.get_sample_value("greenroom_limited_total", {"kind": limits.MESSAGES}) == 2


def test_every_event_that_weighs_something_is_one_of_the_wire() -> None:
    assert WEIGHTS.keys() <= {event.name for event in wire.ANSWERS}
    for event in wire.ANSWERS:
        if (weight := WEIGHTS.get(event.name)) and weight.items:
            assert weight.items in event.__struct_fields__
