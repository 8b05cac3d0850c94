"""core/base/sharing.py: what many ask for is made once."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from core.base.sharing import Shared


class Maker:
    """Makes what it is told to, when it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.result: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def make(self) -> str:
        self.begun += 1
        return await self.result


async def test_all_who_ask_at_the_same_time_get_what_is_made_once() -> None:
    shared, maker = Shared[str](), Maker()
    asking = [asyncio.create_task(shared.get("a", maker.make)) for _ in range(3)]
    other = asyncio.create_task(shared.get("b", maker.make))
    await asyncio.sleep(0)
    maker.result.set_result("made")
    assert await asyncio.gather(*asking, other) == ["made"] * 4
    assert maker.begun == 2, "one for each key"
    await shared.get("a", maker.make)
    assert maker.begun == 3, "nothing is kept"


async def test_what_is_made_is_kept_within_so_many_bytes_and_what_was_used_last_stays_longest() -> None:
    shared, made = Shared[str](most=6, size=len), list[str]()

    def maker(name: str) -> Callable[[], Coroutine[None, None, str]]:
        async def make() -> str:
            made.append(name)
            return name

        return make

    async def get(*names: str) -> list[str]:
        made.clear()
        assert [await shared.get(name, maker(name)) for name in names] == list(names)
        return list(made)

    assert await get("aa", "bb", "cc", "aa", "bb", "cc") == ["aa", "bb", "cc"]
    assert await get("aa", "dd", "aa", "cc", "bb") == ["dd", "bb"], "bb was used first"
    assert await get("larger than all", "larger than all", "aa", "cc", "bb") == ["larger than all"] * 2


async def test_what_failed_is_not_kept() -> None:
    shared, maker = Shared[str](most=10, size=len), Maker()
    asking = asyncio.create_task(shared.get("a", maker.make))
    await asyncio.sleep(0)
    maker.result.set_exception(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        await asking
    maker.result = asyncio.get_running_loop().create_future()
    maker.result.set_result("made")
    assert await shared.get("a", maker.make) == "made"


async def test_one_cancelled_caller_does_not_cancel_the_shared_build() -> None:
    shared, maker = Shared[str](), Maker()
    first, second = [asyncio.create_task(shared.get("a", maker.make)) for _ in range(2)]
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    maker.result.set_result("made")
    assert await second == "made"


async def test_what_goes_wrong_goes_wrong_for_all_of_them_and_is_tried_anew() -> None:
    shared, maker = Shared[str](), Maker()
    asking = [asyncio.create_task(shared.get("a", maker.make)) for _ in range(2)]
    await asyncio.sleep(0)
    maker.result.set_exception(ValueError("no"))
    assert [str(one) for one in await asyncio.gather(*asking, return_exceptions=True)] == ["no", "no"]
    with pytest.raises(ValueError, match="no"):
        await shared.get("a", maker.make)
    assert maker.begun == 2
