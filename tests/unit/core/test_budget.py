"""What a budget allows, at which moments, and how many subjects it remembers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.limits.budget import Balance, Bucket, Buckets, Rate, Refusal, Window, WindowLog

RATE = Rate("test", 5, 10)
WINDOW = Window("guesses", 5, 10)


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


@pytest.mark.parametrize("rate", [RATE, WINDOW])
def test_the_largest_debts_are_kept_when_many_subjects_follow(rate: Rate) -> None:
    buckets = Buckets(rate, most=10)
    for moment in range(4):
        buckets.take("victim", float(moment))
    for place in range(1000):
        buckets.take(str(place), 4.0)
        assert len(buckets) <= 10
    assert buckets.of("victim", 4.0).left(4.0) < buckets.of("another", 4.0).left(4.0) - 1


def test_a_refusal_holds_for_as_much_or_more_until_it_is_time_to_ask_again() -> None:
    refusal = Refusal(Rate("refused", 1, 5))
    assert refusal.wait(100.0, 1.0) == 0.0
    refusal.remember(100.0, 2.0, 60.0)
    assert (refusal.wait(101.0, 1.0), refusal.wait(101.0, 2.0), refusal.wait(104.0, 9.0)) == (0.0, 59.0, 56.0)
    assert refusal.wait(105.0, 2.0) == 0.0
    refusal.remember(200.0, 1.0, 3.0)
    assert (refusal.wait(202.0), refusal.wait(203.0)) == (1.0, 0.0)
    refusal.remember(300.0, 1.0, 3.0)
    refusal.forget()
    assert refusal.wait(300.0) == 0.0


def test_of_a_window_nothing_comes_back_before_the_first_is_a_window_old() -> None:
    log = WINDOW.bucket()
    assert [log.take(100.0 + place) for place in range(5)] == [0.0] * 5
    assert log.take(105.0) == pytest.approx(5.0)
    assert log.take(109.9) == pytest.approx(0.1)
    assert log.take(110.0) == 0.0
    assert log.take(110.0) == pytest.approx(1.0)
    assert (log.left(110.0), log.left(112.0)) == (0, 2)
    assert log.debt(119.9) > 0
    assert log.debt(120.0) == 0


def test_of_a_window_the_latest_is_taken_back_and_no_more_than_there_are() -> None:
    log = WINDOW.bucket()
    for moment in (100.0, 101.0, 102.0, 103.0, 109.0):
        log.take(moment)
    log.charge(109.0, -1)
    assert log.take(109.0) == 0.0
    assert log.take(109.0) == pytest.approx(1.0)
    for _ in range(20):
        log.charge(109.0, -1)
    assert [log.take(109.0) for _ in range(6)] == [0.0] * 5 + [pytest.approx(10.0)]


@given(st.lists(st.tuples(st.floats(0, 6), st.booleans()), max_size=80))
def test_no_window_of_that_length_holds_more_than_the_count(attempts: list[tuple[float, bool]]) -> None:
    log, now, counted = WINDOW.bucket(), 0.0, list[float]()
    for pause, succeeds in attempts:
        now += pause
        if log.take(now) == 0.0:
            if succeeds:
                log.charge(now, -1)
            else:
                counted.append(now)
    for start in counted:
        assert sum(start <= moment < start + WINDOW.seconds for moment in counted) <= WINDOW.count


def test_buckets_of_a_window_are_logs_and_as_many_as_any() -> None:
    buckets = Buckets(WINDOW.times(2), most=10)
    assert isinstance(buckets.of("one", 0.0), WindowLog)
    for place in range(100):
        assert [buckets.take(f"one-{place}", 0.0) > 0 for _ in range(11)] == [False] * 10 + [True]
        assert len(buckets) <= 10


class Processes:
    """Some processes that share a bucket, each with its own of it: they settle whenever the test says so."""

    def __init__(self, count: int) -> None:
        self.shared = Bucket(RATE)
        self.mine = [Balance(RATE, "") for _ in range(count)]

    def settle(self, now: float, place: int) -> None:
        self.shared.charge(now, self.mine[place].settle())
        self.mine[place].learn(now, max(self.shared.full_at - now, 0.0))


def test_what_was_spent_in_one_process_is_missing_in_the_other_once_both_have_settled() -> None:
    processes = Processes(2)
    one, other = processes.mine
    assert [one.spend(0.0, 1) for _ in range(5)] == [0.0] * 5
    processes.settle(0.0, 0)
    processes.settle(0.0, 1)
    assert other.spend(0.0, 1) == pytest.approx(2.0)
    assert other.spend(2.0, 1) == 0.0
    processes.settle(2.0, 1)
    processes.settle(2.0, 0)
    assert one.spend(2.0, 1) == pytest.approx(2.0)


def test_bursts_in_two_processes_at_the_same_moment_are_a_debt_of_both() -> None:
    processes = Processes(2)
    one, other = processes.mine
    assert [mine.spend(0.0, 1) for mine in (one, other) for _ in range(5)] == [0.0] * 10
    for place in (0, 1, 0):
        processes.settle(0.0, place)
    assert one.spend(0.0, 1) == other.spend(0.0, 1) == pytest.approx(12.0)
    assert one.spend(12.0, 1) == 0.0


def test_what_is_spent_while_the_answer_is_on_its_way_is_not_forgotten() -> None:
    one = Balance(RATE, "")
    one.spend(0.0, 1)
    assert one.settle() == 1
    one.spend(0.0, 3)
    one.learn(0.0, 2.0)
    assert one.owed == 3
    assert [one.spend(0.0, 1) for _ in range(2)] == [0.0, pytest.approx(2.0)]


STEPS = st.lists(
    st.tuples(st.floats(0, 8), st.integers(0, 2), st.floats(0.1, 3), st.booleans(), st.floats(0, 4)), max_size=80
)


@given(STEPS)
def test_processes_together_never_allow_more_than_the_rate_and_one_burst_each(
    steps: list[tuple[float, int, float, bool, float]],
) -> None:
    processes, now, taken = Processes(3), 0.0, list[tuple[float, float]]()
    for pause, place, cost, settles, more in steps:
        now += pause
        mine = processes.mine[place]
        if mine.spend(now, cost) == 0.0:
            taken.append((now, cost))
            if settles and more > 3:  # what an event turned out to weigh is charged in any case
                mine.overspend(now, more)
        if settles:
            processes.settle(now, place)
    bursts = RATE.count * len(processes.mine)
    for first, (start, _) in enumerate(taken):
        for last in range(first, len(taken)):
            total = sum(cost for _, cost in taken[first : last + 1])
            assert total <= bursts + len(processes.mine) * (taken[last][0] - start) / RATE.interval + 1e-6


@given(STEPS)
def test_processes_that_settle_what_they_spend_allow_the_rate_and_one_burst_each_once(
    steps: list[tuple[float, int, float, bool, float]],
) -> None:
    processes, now, total = Processes(3), 0.0, 0.0
    for pause, place, cost, *_ in steps:
        now += pause
        spent = 0.0
        while processes.mine[place].spend(now, cost) == 0.0:  # as much as gets through before it settles
            spent += cost
        processes.settle(now, place)
        total += spent
        assert total <= RATE.count * len(processes.mine) + now / RATE.interval + 1e-6


@given(STEPS)
def test_once_all_have_settled_all_know_the_same_debt(
    steps: list[tuple[float, int, float, bool, float]],
) -> None:
    processes, now = Processes(3), 0.0
    for pause, place, cost, settles, _ in steps:
        now += pause
        processes.mine[place].spend(now, cost)
        if settles:
            processes.settle(now, place)
    for place in (0, 1, 2, 0, 1, 2):
        processes.settle(now, place)
    for mine in processes.mine:
        assert mine.wait(now) == pytest.approx(processes.shared.wait(now), abs=1e-6)


def test_what_is_put_back_is_taken_also_in_debt_and_never_makes_more_than_a_burst() -> None:
    bucket = Bucket(RATE)
    bucket.charge(0.0, 15)
    assert bucket.take(0.0, -1) == 0.0
    assert bucket.take(0.0) == pytest.approx(20.0)
    for _ in range(50):
        bucket.take(0.0, -1)
    assert [bucket.take(0.0) for _ in range(6)] == [0.0] * 5 + [pytest.approx(2.0)]
