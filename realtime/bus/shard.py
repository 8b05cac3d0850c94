"""One Redis server of the bus."""

import asyncio
import contextlib
import logging
import zlib
from collections.abc import Callable

from core.platform.observability.metrics import Metrics
from core.platform.redis_pool import server_name
from realtime.bus.deliveries import HEADER, NOBODY, Kind
from realtime.bus.redis_link import RedisLink
from realtime.concurrency.periodic import Periodic

log = logging.getLogger(__name__)

BEACON_SECONDS = 0.5
DEAF_SECONDS = 1.5


class Shard:
    """One Redis server: a link to publish on, a link to subscribe on, and the beacon that goes from one to the other."""

    def __init__(
        self,
        url: str,
        received: Callable[[bytes, bytes], None],
        restored: Callable[[], None],
        may_have_lost: Callable[[], None],
        origin: bytes,
        lag: Callable[[float], None],
    ) -> None:
        self.name = server_name(url)
        self.salt = zlib.crc32(self.name.encode())  # not of the URL: a new password moves no channel
        self._beacon_channel = b"h" + origin
        self._beacon = HEADER.pack(Kind.BEACON, origin, NOBODY, 0, 0)
        self._received = received
        self._restored = restored
        self._may_have_lost = may_have_lost
        self._lag = lag
        self._channels: dict[bytes, asyncio.Future[None] | None] = {}
        self._publisher = RedisLink(url, lambda _reply: None, self._publishing)
        self._has_published = False
        self._listener = RedisLink(url, self._heard, self._resubscribe)
        self._last_heard = 0.0
        self._beating = Periodic(self._beat, BEACON_SECONDS)
        self._last_beat = 0.0
        self._hearing = asyncio.Event()
        self.deaf = True
        self.deaf_seconds = 0.0

    async def start(self) -> None:
        await self._listener.start()
        await self._publisher.start()
        self._last_heard = asyncio.get_running_loop().time()
        await self._beat()
        self._beating.start()
        if self._publisher.connected:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hearing.wait(), DEAF_SECONDS)

    async def stop(self) -> None:
        await self._beating.stop()
        await self._publisher.stop()
        await self._listener.stop()

    def measure(self, metrics: Metrics) -> None:
        deaf, unsent = "greenroom_bus_deaf_seconds", "greenroom_bus_unsent_bytes"
        metrics.count(deaf, "Time in which a bus server was not heard", lambda: self.deaf_seconds, server=self.name)
        metrics.watch(unsent, "What waits to be sent to a bus server", self._publisher.unsent, server=self.name)

    def publish(self, channel: bytes, payload: bytes) -> None:
        self.send((b"PUBLISH", channel, payload))

    def send(self, command: tuple[bytes, ...]) -> None:
        self._publisher.send(command)

    def subscribe(self, channel: bytes) -> "asyncio.Future[None] | None":
        if channel not in self._channels:
            self._channels[channel] = asyncio.get_running_loop().create_future()
            self._listener.send((b"SUBSCRIBE", channel))
        return self._channels[channel] if self._listener.connected else None

    def unsubscribe(self, channel: bytes) -> None:
        self._confirm(channel)
        self._channels.pop(channel, None)
        self._listener.send((b"UNSUBSCRIBE", channel))

    def _confirm(self, channel: bytes) -> None:
        # A future per channel would be the largest part of a connection's memory: drop it once it is done.
        if confirmed := self._channels.get(channel):
            confirmed.set_result(None)
            self._channels[channel] = None

    def _heard(self, reply: object) -> None:
        match reply:
            case [b"message", bytes() as channel, bytes() as payload]:
                if channel == self._beacon_channel:
                    self._beacon_returned()
                elif len(payload) >= HEADER.size:
                    self._received(channel, payload)
            case [b"subscribe", bytes() as channel, _]:
                self._confirm(channel)

    def _publishing(self) -> None:
        if self._has_published:
            self._may_have_lost()
        self._has_published = True

    def _resubscribe(self) -> None:
        # Deaf until the beacon comes back: its channel is subscribed to last, after all others.
        self.deaf = True
        channels = [*self._channels, self._beacon_channel]
        for start in range(0, len(channels), 500):
            self._listener.send((b"SUBSCRIBE", *channels[start : start + 500]))

    async def _beat(self) -> None:
        moment = asyncio.get_running_loop().time()
        self.deaf_seconds += BEACON_SECONDS if self.deaf else 0.0
        if moment - self._last_heard > DEAF_SECONDS:
            self._reconnect()
        self._last_beat = moment
        self.publish(self._beacon_channel, self._beacon)

    def _reconnect(self) -> None:
        if not self.deaf:
            log.warning("%s has not been heard for %.1f s: connecting again", self.name, DEAF_SECONDS)
        self.deaf = True
        self._last_heard = asyncio.get_running_loop().time()
        self._publisher.drop()
        self._listener.drop()

    def _beacon_returned(self) -> None:
        self._last_heard = asyncio.get_running_loop().time()
        self._lag(self._last_heard - self._last_beat)
        self._hearing.set()
        if self.deaf:
            self.deaf = False
            self._restored()
