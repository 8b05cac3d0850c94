"""core/platform/fair_queue.py: so many at once, and those who wait take turns."""

import asyncio

import pytest

from core.base import errors
from core.base.errors import AppError
from core.platform.fair_queue import Turns


async def test_no_more_at_once_than_there_are_and_subjects_take_turns() -> None:
    turns, began, done = Turns(1, 10), [], asyncio.Event()

    async def work(subject: str) -> None:
        async with turns.turn(subject):
            began.append(subject)
            await done.wait()

    running = [asyncio.create_task(work(subject)) for subject in ("ann", "ann", "ann", "bob")]
    await asyncio.sleep(0)
    assert (began, len(turns.queue)) == (["ann"], 3)
    done.set()
    await asyncio.gather(*running)
    assert began == ["ann", "ann", "bob", "ann"]


async def test_what_fails_or_is_given_up_leaves_its_place_to_others() -> None:
    turns = Turns(1, 10)
    with pytest.raises(ZeroDivisionError):
        async with turns.turn("ann"):
            raise ZeroDivisionError
    async with turns.turn("ann"):
        waiting = asyncio.create_task(turns.turn("bob").__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert len(turns.queue) == 0
    async with turns.turn("bob"):
        pass


async def test_a_turn_that_comes_while_it_is_given_up_goes_to_the_next() -> None:
    turns = Turns(1, 10)
    first = turns.turn("ann")
    await first.__aenter__()
    waiting = asyncio.create_task(turns.turn("bob").__aenter__())
    await asyncio.sleep(0)
    await first.__aexit__(None, None, None)  # it is bob's turn, who has not noticed yet
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(5), turns.turn("eve"):
        pass


async def test_a_full_queue_refuses_at_once() -> None:
    turns = Turns(1, 1)
    async with turns.turn("ann"):
        waiting = turns.queue.add("ann")
        with pytest.raises(AppError) as refused:
            await turns.turn("bob").__aenter__()
        assert (refused.value.kind, turns.queue.refused) == (errors.UNAVAILABLE, 1)
        waiting.cancel()
