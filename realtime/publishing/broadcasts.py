"""Broadcasts on a hub: read from their table when somebody has sent one, in order, and written to all sockets of a marketplace.

The bus only says that there is something to read; a look now and then finds what it has lost.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from core import broadcasts
from core.market.market import Marketplace
from core.platform.db import UNAVAILABLE_ERRORS, Pool
from realtime.bus.bus import Bus
from realtime.bus.deliveries import market_channel
from realtime.concurrency.periodic import Periodic
from realtime.concurrency.tasks import Tasks
from realtime.dialect.encoders import Encoders
from realtime.engine.outbox import Outbox
from realtime.engine.socketio.packets import namespace_of
from realtime.rooms.users import Users

LOOK_SECONDS: Final = 5.0
AT_ONCE: Final = 500  # users whose sockets are written to in one turn of the loop

log = logging.getLogger(__name__)


class Broadcasts:
    """What a hub has sent to its sockets, by marketplace: the version that was the last."""

    def __init__(
        self, db: Pool, bus: Bus, users: Users, outbox: Outbox, encoders: Encoders, markets: Iterable[Marketplace]
    ) -> None:
        self._db = db
        self._bus = bus
        self._users = users
        self._outbox = outbox
        self._encoders = encoders
        self._sent = {market.name: 0 for market in markets if market.policy.broadcasts}
        self._looking = asyncio.Lock()
        self._is_woken = False
        self._tasks = Tasks()
        self._periodic = Periodic(self._look, LOOK_SECONDS)

    async def start(self) -> None:
        """Begin after what has been sent already, before there are sockets; raises what the database raises."""
        for market in self._sent:
            self._bus.listen(market_channel(market))
            self._sent[market] = await broadcasts.LAST(self._db, market) or 0
        if self._sent:
            self._periodic.start()

    async def stop(self) -> None:
        """Stop, also in the middle of a broadcast."""
        await self._periodic.stop()
        await self._tasks.stop()

    def wake(self) -> None:
        """Look now; calls before it has begun are one."""
        if self._sent and not self._is_woken:
            self._is_woken = True
            self._tasks.spawn(self._look())

    async def _look(self) -> None:
        async with self._looking:
            self._is_woken = False
            try:
                for market in self._sent:
                    await self._send(market)
            except UNAVAILABLE_ERRORS as error:
                log.warning("broadcasts are sent later: %r", error)

    async def _send(self, market: str) -> None:
        while rows := await broadcasts.SINCE(self._db, market, self._sent[market], broadcasts.PAGE):
            for row in rows:
                self._sent[market] = row.version
                await self._write(market, self._encoders.of(market).event(row.event()))

    async def _write(self, market: str, frame: bytes) -> None:
        namespace = namespace_of(frame)
        for place, user in enumerate(list(self._users)):  # those who come meanwhile read it from the table
            for client in self._users.of(user):
                if client.user.market == market and client.hears(namespace):
                    self._outbox.add(client.session, frame)
            if place % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
