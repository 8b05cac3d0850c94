"""How late the event loop is: the first sign of an overloaded process."""

import asyncio

from core.platform.observability.metrics import Metrics
from realtime.concurrency.periodic import Periodic

PERIOD_SECONDS = 0.5


class LoopLag:
    """Measures by how much a scheduled call is late."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._expected = 0.0
        self._worst = 0.0
        self._periodic = Periodic(self._measure, PERIOD_SECONDS)

    def start(self) -> None:
        """Start measuring."""
        self._expected = asyncio.get_running_loop().time() + PERIOD_SECONDS
        self._periodic.start()

    async def stop(self) -> None:
        """Stop."""
        await self._periodic.stop()

    def take_worst(self) -> float:
        """Return the worst lag since the last call, in seconds."""
        worst, self._worst = self._worst, 0.0
        return worst

    async def _measure(self) -> None:
        moment = asyncio.get_running_loop().time()
        late = max(moment - self._expected, 0.0)
        self._metrics.loop_seconds.observe(late)
        self._worst = max(self._worst, late)
        self._expected = moment + PERIOD_SECONDS
