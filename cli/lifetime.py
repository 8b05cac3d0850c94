"""Runs a command's main coroutine on uvloop until a signal ends it."""

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine

import uvloop

STOP_SECONDS = 5


def run(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `main`, which must return soon after its event is set: at the first SIGINT or SIGTERM.

    A second signal, or `STOP_SECONDS`, kills the process.
    """

    async def until_signal() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, _stop, stop)
        await main(stop)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_signal())


def freeze_objects() -> None:
    """Exclude the objects that exist after the start from garbage collection, which would pause the process to scan them."""
    gc.collect()
    gc.freeze()


async def until(stop: asyncio.Event, *lives: Coroutine[None, None, None]) -> None:
    """Return when the event is set; raise the error if one of the processes fails before."""
    tasks = [asyncio.create_task(life) for life in (_wait(stop), *lives)]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _wait(stop: asyncio.Event) -> None:
    await stop.wait()


def _stop(stop: asyncio.Event) -> None:
    if stop.is_set():
        os._exit(130)
    stop.set()
    # A kernel timer, because the loop itself, or a server's shutdown after it, may hang. SIGALRM ends the process.
    signal.alarm(STOP_SECONDS)
