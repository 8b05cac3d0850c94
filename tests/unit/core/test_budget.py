"""What a budget allows, at which moments, and how many subjects it remembers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.budget import Bucket, Buckets, Rate

RATE = Rate("test", 5, 10)


def test_a_burst_is_allowed_and_then_one_for_each_interval() -> None:
    bucket = Bucket(RATE)
    assert [bucket.take(100.0) for _ in range(5)] == [0.0] * 5
    assert bucket.take(100.0) == pytest.approx(2.0)
    assert bucket.take(101.9) == pytest.approx(0.1)
    assert bucket.take(102.0) == 0.0
    assert bucket.take(102.0) == pytest.approx(2.0)


def test_what_is_refused_costs_nothing() -> None:
    bucket = Bucket(RATE)
    bucket.charge(0.0, 5)
    waits = [bucket.take(0.0) for _ in range(100)]
    assert waits == pytest.approx([2.0] * 100)


def test_a_debt_is_paid_before_anything_else_is_allowed() -> None:
    bucket = Bucket(RATE)
    bucket.charge(0.0, 15)
    assert bucket.take(0.0) == pytest.approx(22.0)
    assert bucket.take(22.0) == 0.0


def test_what_costs_more_than_the_whole_rate_is_allowed_once_the_bucket_is_full() -> None:
    bucket = Bucket(RATE)
    assert bucket.take(0.0, 50) == 0.0
    assert bucket.take(0.0) == pytest.approx(92.0)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 3)), max_size=60))
def test_no_window_ever_allows_more_than_a_burst_and_what_is_refilled_in_it(asked: list[tuple[float, float]]) -> None:
    bucket, now, taken = Bucket(RATE), 0.0, list[tuple[float, float]]()
    for pause, cost in asked:
        now += pause
        if bucket.take(now, cost) == 0.0:
            taken.append((now, cost))
    for first, (start, _) in enumerate(taken):
        for last in range(first, len(taken)):
            total = sum(cost for _, cost in taken[first : last + 1])
            assert total <= RATE.count + (taken[last][0] - start) / RATE.interval + 1e-6


def test_subjects_are_bounded_and_those_that_owe_nothing_are_forgotten_first() -> None:
    buckets = Buckets(RATE, most=10)
    buckets.of("owes", 0.0).charge(0.0, 1000)
    for place in range(900):
        buckets.take(f"one-{place}", place * 2.0)
        assert len(buckets) <= 10
    assert buckets.take("owes", 1800.0) > 0


def test_a_flood_of_subjects_that_all_owe_is_bounded_too() -> None:
    buckets = Buckets(RATE, most=10)
    for place in range(1000):
        buckets.take(str(place), 0.0)
        assert len(buckets) <= 10
