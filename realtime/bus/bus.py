"""The bus: finished frames between processes over Redis pub/sub. It may lose frames; hubs recover them from the log.

Each channel belongs to one of the Redis servers by rendezvous hashing, so that adding a server moves only its share; `q` and `r`
are on all of them, so that operators can look when a server is down.
Each process publishes a beacon twice a second to itself on every server: if it does not come back, it cannot hear that server
("deaf") and reconnects.
"""

import asyncio
import os
import zlib
from collections.abc import Callable, Sequence

from core.platform.observability.metrics import Metrics
from realtime.bus.deliveries import EVERYBODY, HEADER, NOBODY, Delivery, Kind
from realtime.bus.shard import DEAF_SECONDS, Shard

# CRCs of one channel with different salts differ by the same bits for every channel, so comparing them as they are would give
# three servers a half and two quarters. Fibonacci hashing mixes them.
MIXER = 0x9E3779B1


class Bus:
    """All Redis servers of the bus, seen by one process.

    `deliver` is called with what other processes publish; `restored` when a server can be heard again, as events may have been
    lost until then. Publishing never waits and never raises.
    """

    def __init__(
        self, urls: Sequence[str], metrics: Metrics, deliver: Callable[[Delivery], None], restored: Callable[[], None]
    ) -> None:
        self.origin = os.urandom(8)
        self._deliver = deliver
        self._restored = restored
        lag = metrics.bus_seconds.observe
        self._shards = [Shard(url, self._received, restored, self._may_have_lost, self.origin, lag) for url in urls]
        for shard in self._shards:
            shard.measure(metrics)

    async def start(self) -> None:
        """Connect; servers that do not answer are retried in the background."""
        await asyncio.gather(*(shard.start() for shard in self._shards))

    async def stop(self) -> None:
        """Flush and disconnect."""
        await asyncio.gather(*(shard.stop() for shard in self._shards))

    @property
    def unheard(self) -> list[str]:
        """The names of the servers that cannot be heard right now."""
        return [shard.name for shard in self._shards if shard.deaf]

    def hears(self, channel: bytes) -> bool:
        """Whether the channel's server can be heard right now."""
        return not self._shard(channel).deaf

    def deaf_seconds(self) -> float:
        """Return for how long servers were not heard, added up."""
        return sum(shard.deaf_seconds for shard in self._shards)

    def publish(
        self,
        channel: bytes,
        kind: Kind,
        frame: bytes = b"",
        *,
        subject: bytes = NOBODY,
        number: int = 0,
        flags: int = 0,
    ) -> None:
        """Send a frame to all subscribers of the channel."""
        self._shard(channel).publish(channel, HEADER.pack(kind, self.origin, subject, number, flags) + frame)

    def publish_everywhere(self, channel: bytes, kind: Kind, frame: bytes, subject: bytes) -> None:
        """Publish a frame on every server: it is received once for each server that works."""
        for shard in self._shards:
            shard.publish(channel, HEADER.pack(kind, self.origin, subject, 0, 0) + frame)

    def store(self, *commands: tuple[bytes, ...]) -> None:
        """Run commands on the first server; results and failures are ignored."""
        for command in commands:
            self._shards[0].send(command)

    async def subscribe(self, channels: Sequence[bytes]) -> None:
        """Subscribe to channels; returns when the servers have confirmed them, without waiting for servers that are down."""
        waiting = [answer for channel in channels if (answer := self._shard(channel).subscribe(channel))]
        if waiting:
            await asyncio.wait(waiting, timeout=DEAF_SECONDS)

    def listen(self, channel: bytes) -> None:
        """Subscribe to a channel, without waiting for the confirmation."""
        self._shard(channel).subscribe(channel)

    def listen_everywhere(self, channel: bytes) -> None:
        """Subscribe on every server to a channel that is published everywhere, likewise."""
        for shard in self._shards:
            shard.subscribe(channel)

    def unsubscribe(self, channel: bytes) -> None:
        """Unsubscribe from a channel."""
        self._shard(channel).unsubscribe(channel)

    def _shard(self, channel: bytes) -> Shard:
        if len(self._shards) == 1:
            return self._shards[0]
        return max(self._shards, key=lambda shard: zlib.crc32(channel, shard.salt) * MIXER & 0xFFFFFFFF)

    def _may_have_lost(self) -> None:
        """Make every hub resync with the log: frames published on a broken connection may be lost."""
        self.publish(EVERYBODY, Kind.RESYNC)

    def _received(self, channel: bytes, payload: bytes) -> None:
        if payload[1:9] == self.origin:
            return
        kind, _, subject, number, flags = HEADER.unpack_from(payload)
        self._deliver(Delivery(Kind(kind), channel[1:], subject, number, flags, payload[HEADER.size :]))
