"""What repeats ends when it is told to."""

import asyncio

from realtime.concurrency.periodic import Periodic


async def test_it_ends_though_the_work_takes_the_cancellation_for_its_own() -> None:
    working, calls = asyncio.Event(), 0

    async def work() -> None:
        nonlocal calls
        calls += 1
        working.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise TimeoutError from None

    periodic = Periodic(work, 0.0)
    periodic.start()
    await working.wait()
    async with asyncio.timeout(20):
        await periodic.stop()
    assert calls == 1
