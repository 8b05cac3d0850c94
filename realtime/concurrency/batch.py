"""Group commit without a timer: while one batch runs, the next one fills."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from core.base import errors
from core.platform.db import UNAVAILABLE_ERRORS

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MANY = 5

log = logging.getLogger(__name__)


class Batch(Generic[Item, Answer]):
    """Runs items in batches, one batch at a time, in the order in which they came.

    `run` gets up to `size` items and returns one answer for each; an answer may be an AppError. Every `done` is called exactly
    once, in that same order, in the turn in which its batch ended. A batch that raises fails all of its items, with the AppError
    that it raised, UNAVAILABLE, or INTERNAL_ERROR for a bug. It is not retried: whether it was committed is unknown, so only the
    sender can repeat it. After a batch of MANY, the items of the next `gather` seconds form one batch: when thousands reconnect
    at once, this means fewer statements.
    """

    def __init__(
        self,
        run: Callable[[list[Item]], Awaitable[Sequence[Answer | errors.AppError]]],
        size: int = 500,
        capacity: int = 20_000,
        timeout: float = 10.0,
        gather: float = 0.0,
    ) -> None:
        self._run = run
        self._size = size
        self._capacity = capacity
        self._timeout = timeout
        self._gather = gather
        self._waiting: list[tuple[Item, Callable[[Answer | errors.AppError], None]]] = []
        self._worker: asyncio.Task[None] | None = None

    def add(self, item: Item, done: Callable[[Answer | errors.AppError], None]) -> None:
        """Queue an item; raises UNAVAILABLE at once when too many wait already."""
        if self.full:
            raise errors.UNAVAILABLE.error("Too much is waiting to be stored: try again")
        self._waiting.append((item, done))
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work(), name=f"batch {self._run.__qualname__}")

    async def ask(self, item: Item) -> Answer:
        """Queue an item and wait for its answer; raises it if it is an error."""
        future: asyncio.Future[Answer | errors.AppError] = asyncio.get_running_loop().create_future()
        self.add(item, lambda answer: None if future.done() else future.set_result(answer))
        answer = await future
        if isinstance(answer, errors.AppError):
            raise answer
        return answer

    @property
    def full(self) -> bool:
        """Whether no more is taken right now."""
        return len(self._waiting) >= self._capacity

    def __len__(self) -> int:
        return len(self._waiting)

    async def drained(self) -> None:
        """Wait until nothing is queued."""
        while self._worker:
            await asyncio.wait([self._worker])

    async def _work(self) -> None:
        # Let the loop turn end first, so that all of its items are one batch.
        await asyncio.sleep(0)
        while self._waiting:
            batch, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
            answers = await self._answers([item for item, _ in batch])
            for (_, done), answer in zip(batch, answers, strict=True):
                _call(done, answer)
            if self._gather and len(batch) >= MANY:
                await asyncio.sleep(self._gather)
        self._worker = None

    async def _answers(self, items: list[Item]) -> Sequence[Answer | errors.AppError]:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._run(items)
        except errors.AppError as error:
            return [error] * len(items)
        except UNAVAILABLE_ERRORS as error:
            log.warning("a batch of %d could not be stored: %s", len(items), error)
            return [errors.UNAVAILABLE.error()] * len(items)
        except Exception:
            log.exception("a batch of %d failed", len(items))
            return [errors.INTERNAL_ERROR.error()] * len(items)


def _call(done: Callable[[Answer | errors.AppError], None], answer: Answer | errors.AppError) -> None:
    try:
        done(answer)
    except Exception:
        # One failing callback must not keep the others of its batch, and all later ones, from their answers.
        log.exception("a callback of a batch failed")
