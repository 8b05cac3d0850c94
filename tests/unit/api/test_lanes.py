"""How many calls of a client are under way."""

import asyncio
from collections.abc import Callable

import pytest

from api import lanes
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


async def test_the_next_call_of_a_client_waits_for_one_to_end_and_other_clients_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes, "WAIT_SECONDS", 3600.0)
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


async def test_a_call_that_has_waited_long_enough_begins_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "WAIT_SECONDS", 0.0)
    of = Lanes(1)
    async with of.under_way("ann"), of.under_way("ann"):
        assert of.is_full("ann")
    assert not of._lanes


async def test_a_call_that_is_given_up_while_it_waits_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "WAIT_SECONDS", 3600.0)
    of, begun, ends = Lanes(1), list[str](), asyncio.Event()
    start = calls(of, "ann", begun, ends)
    first, second = start("1"), start("2")
    await settled()
    second.cancel()
    ends.set()
    await asyncio.gather(first, second, return_exceptions=True)
    assert begun == ["1"]
    assert not of._lanes
