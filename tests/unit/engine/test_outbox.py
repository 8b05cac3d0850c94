"""One write per session and turn, in order."""

import asyncio
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.engine.outbox import Outbox
from realtime.engine.session import Session


class Client:
    """What the outbox needs of a session."""

    def __init__(self) -> None:
        self.behind = False
        self.writes: list[bytes] = []

    def write(self, frames: bytes) -> None:
        self.writes.append(frames)


def clients(count: int) -> tuple[list[Client], list[Session]]:
    made = [Client() for _ in range(count)]
    return made, cast("list[Session]", made)


async def turn() -> None:
    """Let this loop turn end, and the next."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_a_broadcast_is_one_write_each() -> None:
    (a, b, c), sessions = clients(3)
    outbox = Outbox()
    outbox.broadcast(sessions[:2], b"x")
    assert a.writes == []
    await turn()
    assert (a.writes, b.writes, c.writes) == ([b"x"], [b"x"], [])


async def test_a_turn_is_one_write_each_in_the_order_of_saying() -> None:
    (a, b, c), sessions = clients(3)
    outbox = Outbox()
    outbox.broadcast(sessions[:2], b"1")
    outbox.add(sessions[0], b"2")
    outbox.broadcast(sessions, b"3")
    outbox.add(sessions[2], b"4")
    await turn()
    assert (a.writes, b.writes, c.writes) == ([b"123"], [b"13"], [b"34"])
    outbox.broadcast(sessions, b"5")
    await turn()
    assert (a.writes, b.writes, c.writes) == ([b"123", b"5"], [b"13", b"5"], [b"34", b"5"])


async def test_a_client_that_is_behind_gets_answers_but_no_broadcasts() -> None:
    (a, b), sessions = clients(2)
    a.behind = True
    outbox = Outbox()
    outbox.broadcast(sessions, b"news")
    outbox.add(sessions[0], b"answer")
    await turn()
    assert (a.writes, b.writes) == ([b"answer"], [b"news"])


async def test_recipients_are_fixed_when_the_event_is_published() -> None:
    (a, b), sessions = clients(2)
    members = {sessions[0]}
    outbox = Outbox()
    outbox.broadcast(members, b"x")
    members.add(sessions[1])
    members.discard(sessions[0])
    await turn()
    assert (a.writes, b.writes) == ([b"x"], [])


async def test_pending_frames_of_one_client_can_be_flushed_at_once() -> None:
    (a, b), sessions = clients(2)
    outbox = Outbox()
    outbox.broadcast(sessions, b"1")
    outbox.settle(sessions[0])
    assert (a.writes, b.writes) == ([b"1"], [])
    outbox.settle(sessions[0])
    outbox.add(sessions[0], b"2")
    await turn()
    assert (a.writes, b.writes) == ([b"1", b"2"], [b"1"])


async def test_output_of_the_last_flush_callback_is_in_the_same_write() -> None:
    (a,), sessions = clients(1)
    outbox = Outbox()
    outbox.before_flush(lambda: outbox.broadcast(sessions, b"2"))
    outbox.add(sessions[0], b"1")
    await turn()
    assert a.writes == [b"12"]


async def test_a_flush_callback_may_schedule_another_turn() -> None:
    (a,), sessions = clients(1)
    outbox = Outbox()

    def gather() -> None:
        outbox.add(sessions[0], b"1")
        outbox.before_flush(lambda: outbox.add(sessions[0], b"2"))

    outbox.before_flush(gather)
    await turn()
    await turn()
    assert a.writes == [b"1", b"2"]


def _fail() -> None:
    raise ValueError("a gatherer is broken")


async def test_a_failing_flush_callback_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    (a,), sessions = clients(1)
    outbox = Outbox()
    outbox.before_flush(_fail)
    outbox.before_flush(lambda: outbox.add(sessions[0], b"1"))
    await turn()
    outbox.add(sessions[0], b"2")
    await turn()
    assert a.writes == [b"1", b"2"]
    assert "a gatherer is broken" in caplog.text


@given(st.lists(st.tuples(st.sets(st.integers(0, 4)), st.booleans()), max_size=12))
def test_every_client_is_told_everything_in_order(said: list[tuple[set[int], bool]]) -> None:
    made, sessions = clients(5)
    expected = [b""] * 5

    async def say() -> None:
        outbox = Outbox()
        for number, (receivers, together) in enumerate(said):
            frame = b"%d," % number
            for receiver in receivers:
                expected[receiver] += frame
            if together:
                outbox.broadcast([sessions[receiver] for receiver in sorted(receivers)], frame)
            else:
                for receiver in sorted(receivers):
                    outbox.add(sessions[receiver], frame)
        await turn()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(say())
    assert [b"".join(client.writes) for client in made] == expected
    assert all(len(client.writes) <= 1 for client in made)
