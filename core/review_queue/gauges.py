"""Gauges of the review queue: what is open and how old it is. All workers report the same figures."""

from collections.abc import Iterable

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
        for market, kind in ((policy.name, one.name) for policy in policies for one in kinds_of(policy)):
            self._watch(metrics, market, kind)

    async def count(self, db: Db) -> None:
        """Count again."""
        self._counted = {(one.market, one.kind): one for one in await statistics.UNDECIDED(db, None)}

    def _watch(self, metrics: Metrics, market: str, kind: str) -> None:
        def tasks() -> float:
            one = self._counted.get((market, kind))
            return one.open + one.parked if one else 0

        def age() -> float:
            one = self._counted.get((market, kind))
            return (clock.now() - one.oldest_at).total_seconds() if one else 0

        metrics.watch("greenroom_review_tasks", "Undecided review tasks", tasks, market=market, kind=kind)
        metrics.watch("greenroom_review_oldest_seconds", "Age of the oldest of them", age, market=market, kind=kind)
