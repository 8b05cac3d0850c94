"""Gauges of the review queue: what is open and how old it is. All workers report the same figures."""

from collections.abc import Iterable
from functools import partial

from core.base import clock
from core.platform.db import Db
from core.platform.observability.metrics import Metrics
from core.review_queue import statistics
from core.review_queue.kinds import kinds_of
from core.review_queue.statistics import OpenTasks
from core.work.policy import Policy


class ReviewGauges:
    """The figures of the last count, by marketplace and kind."""

    def __init__(self, metrics: Metrics, policies: Iterable[Policy]) -> None:
        self._counted: dict[tuple[str, str], OpenTasks] = {}
        for queue in ((policy.name, kind.name) for policy in policies for kind in kinds_of(policy)):
            labels = dict(zip(("market", "kind"), queue, strict=True))
            metrics.watch("greenroom_review_tasks", "Undecided review tasks", partial(self._tasks, queue), **labels)
            metrics.watch("greenroom_review_oldest_seconds", "Age of the oldest", partial(self._age, queue), **labels)

    async def count(self, db: Db) -> None:
        """Count again."""
        self._counted = {(one.market, one.kind): one for one in await statistics.UNDECIDED(db, None)}

    def _tasks(self, queue: tuple[str, str]) -> float:
        return one.open + one.parked if (one := self._counted.get(queue)) else 0

    def _age(self, queue: tuple[str, str]) -> float:
        return (clock.now() - one.oldest_at).total_seconds() if (one := self._counted.get(queue)) else 0
