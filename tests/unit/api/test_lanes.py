"""How many calls of a client are under way."""

import asyncio
from collections.abc import Callable

import pytest

from api.lanes import Lanes


def calls(of: Lanes, client: str, begun: list[str], ends: asyncio.Event) -> Callable[[str], "asyncio.Task[None]"]:
    """Return what starts a call, which says when it begins and ends when it is told to."""

    async def call(name: str) -> None:
        async with of.under_way(client):
            begun.append(name)
            await ends.wait()

    return lambda name: asyncio.create_task(call(name))


async def settled() -> None:
    """Let everything happen that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_next_call_of_a_client_waits_for_one_to_end_and_other_clients_do_not() -> None:
    of, begun, ends, others_end = Lanes(2), list[str](), asyncio.Event(), asyncio.Event()
    start, start_other = calls(of, "ann", begun, ends), calls(of, "bob", begun, others_end)
    tasks = [start(name) for name in "123"] + [start_other("4")]
    await settled()
    assert begun == ["1", "2", "4"]
    assert of.is_full("ann")
    assert not of.is_full("bob")
    ends.set()
    await asyncio.gather(*tasks[:3])
    assert begun == ["1", "2", "4", "3"]
    others_end.set()
    await tasks[3]
    assert not of._lanes


async def test_others_have_the_place_of_a_call_that_is_aside_and_it_waits_for_one_again() -> None:
    of, begun, ends, has_body = Lanes(1), list[str](), asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with of.under_way("ann") as place:
            async with place.left():
                await has_body.wait()
            begun.append("slow")

    first, second = asyncio.create_task(slow()), calls(of, "ann", begun, ends)("quick")
    await settled()
    assert begun == ["quick"]
    has_body.set()
    await settled()
    assert begun == ["quick"]
    ends.set()
    await asyncio.gather(first, second)
    assert begun == ["quick", "slow"]
    assert not of._lanes


async def test_a_call_that_fails_while_it_is_aside_gives_back_no_place_that_it_does_not_have() -> None:
    of = Lanes(1)
    with pytest.raises(ValueError, match="no body"):
        async with of.under_way("ann") as place, place.left():
            raise ValueError("no body")
    async with of.under_way("ann"):
        assert of.is_full("ann")


async def test_a_call_that_is_given_up_while_it_waits_holds_nothing() -> None:
    of, begun, ends = Lanes(1), list[str](), asyncio.Event()
    start = calls(of, "ann", begun, ends)
    first, second = start("1"), start("2")
    await settled()
    second.cancel()
    ends.set()
    await asyncio.gather(first, second, return_exceptions=True)
    assert begun == ["1"]
    assert not of._lanes
