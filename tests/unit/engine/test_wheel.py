"""The timing wheel, turned by hand."""

from asyncio import TimerHandle
from collections.abc import Callable
from functools import partial
from math import floor
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.engine.wheel import CATCH_UP, Wheel


class Alarm:
    """Remembers at which ticks it was due; `then` is done each time."""

    def __init__(self, wheel: Wheel, then: Callable[[], None] = lambda: None) -> None:
        self.slot = 0
        self.wheel = wheel
        self.then = then
        self.rang: list[int] = []

    def due(self) -> None:
        self.rang.append(self.wheel.now)
        self.then()


def turn(wheel: Wheel, ticks: int) -> None:
    for _ in range(ticks):
        wheel.turn()


@given(st.floats(0, 100), st.sampled_from([0.00625, 0.1, 0.625]))
def test_a_delay_ends_up_to_a_tick_early_but_never_late(seconds: float, tick: float) -> None:
    wheel = Wheel(tick)
    alarm, begin = Alarm(wheel), wheel.now
    wheel.schedule(alarm, seconds)
    turn(wheel, floor(seconds / tick) + 1)
    assert alarm.rang == [begin + max(1, floor(seconds / tick))]
    assert alarm.slot == 0


def test_a_new_delay_replaces_the_old_one() -> None:
    wheel = Wheel(1)
    alarm = Alarm(wheel)
    wheel.schedule(alarm, 2)
    wheel.schedule(alarm, 5)
    turn(wheel, 10)
    assert alarm.rang == [6]


def test_a_cancelled_delay_does_not_end() -> None:
    wheel = Wheel(1)
    alarm = Alarm(wheel)
    wheel.schedule(alarm, 2)
    wheel.cancel(alarm)
    wheel.cancel(alarm)
    turn(wheel, 10)
    assert alarm.rang == []


def test_an_alarm_may_cancel_another_of_its_tick() -> None:
    wheel = Wheel(1)
    first, second = Alarm(wheel), Alarm(wheel)
    first.then = lambda: wheel.cancel(second)
    second.then = lambda: wheel.cancel(first)
    wheel.schedule(first, 3)
    wheel.schedule(second, 3)
    turn(wheel, 10)
    assert len(first.rang) + len(second.rang) == 1


def test_an_alarm_may_put_another_of_its_tick_off() -> None:
    wheel = Wheel(1)
    first, second = Alarm(wheel), Alarm(wheel)
    for alarm, other in ((first, second), (second, first)):
        alarm.then = partial(wheel.schedule, other, 2)
        wheel.schedule(alarm, 3)
    turn(wheel, 4)
    assert sorted(first.rang + second.rang) == [4]
    turn(wheel, 2)
    assert sorted(first.rang + second.rang) == [4, 6]


def test_an_alarm_may_wait_again() -> None:
    wheel = Wheel(1)
    alarm = Alarm(wheel)
    alarm.then = lambda: wheel.schedule(alarm, 3)
    wheel.schedule(alarm, 3)
    turn(wheel, 10)
    assert alarm.rang == [4, 7, 10]


def test_at_the_end_everything_is_due() -> None:
    wheel = Wheel(1)
    alarms = [Alarm(wheel) for _ in range(5)]
    for delay, alarm in enumerate(alarms):
        wheel.schedule(alarm, delay * 1000)
    alarms[0].then = lambda: wheel.schedule(alarms[1], 10)
    wheel.finish()
    assert [len(alarm.rang) for alarm in alarms] == [1, 1, 1, 1, 1]


class Clock:
    """A loop whose time the test sets; it only keeps what is to be called next."""

    def __init__(self) -> None:
        self.now = 100.0
        self.planned = 0.0
        self.call: Callable[[], None] = lambda: None

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[..., None], *args: object) -> TimerHandle:
        self.planned, self.call = when, partial(callback, *args)
        return cast("TimerHandle", self)

    def cancel(self) -> None:
        self.call = lambda: None


def started(monkeypatch: pytest.MonkeyPatch) -> tuple[Wheel, Clock]:
    clock = Clock()
    monkeypatch.setattr("asyncio.get_running_loop", lambda: clock)
    wheel = Wheel(0.25)
    wheel.start()
    return wheel, clock


def beat(clock: Clock, late: float = 0.0) -> None:
    clock.now = clock.planned + late
    clock.call()


def test_the_wheel_keeps_time_though_each_beat_is_a_little_late(monkeypatch: pytest.MonkeyPatch) -> None:
    wheel, clock = started(monkeypatch)
    for _ in range(8):
        beat(clock, late=0.125)
    assert (wheel.now, clock.planned) == (9, 102.25)


def test_the_wheel_catches_up_with_a_short_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    wheel, clock = started(monkeypatch)
    beat(clock, late=1.0)
    assert (wheel.now, clock.planned) == (6, 101.5)


def test_a_long_stop_does_not_make_every_peer_late(monkeypatch: pytest.MonkeyPatch) -> None:
    wheel, clock = started(monkeypatch)
    patient = Alarm(wheel)
    wheel.schedule(patient, 5.0)
    beat(clock, late=3600.0)
    assert patient.rang == []
    assert (wheel.now, clock.planned) == (2 + CATCH_UP, 3700.5)


def test_a_finished_wheel_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    wheel, clock = started(monkeypatch)
    wheel.finish()
    now = wheel.now
    clock.call()
    assert wheel.now == now
