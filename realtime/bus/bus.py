"""The bus: finished frames between processes over Redis pub/sub. It may lose frames; hubs recover them from the log.

A payload is one frame behind a header of 34 bytes, so that a receiving hub parses no JSON: kind (1 byte), origin (8: the
process that sent it), subject (16: an id), number (8), flags (1); what they mean depends on the kind, see `Kind`.
Channels: `c` + 16 bytes of a conversation's id, `u` + 16 bytes of a user's id, `a` (every hub), `m` + name of a
marketplace, `h` + origin (beacons),
`q` (admin requests to every hub), `r` + origin (replies to the process that asked).
Each channel belongs to one of the Redis servers by rendezvous hashing, so that adding a server moves only its share; `q` and `r`
are on all of them, so that operators can look when a server is down.
Each process publishes a beacon twice a second to itself on every server: if it does not come back, it cannot hear that server
("deaf") and reconnects.
"""

import asyncio
import contextlib
import enum
import logging
import os
import struct
import zlib
from collections.abc import Callable, Sequence

import msgspec

from core.platform.observability.metrics import Metrics
from core.platform.redis_pool import server_name
from realtime.bus.redis_link import RedisLink
from realtime.concurrency.periodic import Periodic

log = logging.getLogger(__name__)

HEADER = struct.Struct("!B8s16sQB")
NOBODY = bytes(16)
BEACON_SECONDS = 0.5
DEAF_SECONDS = 1.5
# CRCs of one channel with different salts differ by the same bits for every channel, so comparing them as they are would give
# three servers a half and two quarters. Fibonacci hashing mixes them.
MIXER = 0x9E3779B1


class Kind(enum.IntEnum):
    """What a frame on the bus is."""

    CHANGE = 0  # of a conversation; subject: the sender of a new message, or none; number: the version
    SIGNAL = 1  # in a conversation; subject: whose; number: the read position, 0 for typing
    EMIT = 2  # to a user; subject: skip sockets that have joined this conversation, or none
    SESSION_ENDED = 3  # subject: the session
    BEACON = 4
    RESYNC = 5  # compare the conversation with the log; key empty: all conversations, and the logins of all sockets
    ADMIN_REQUEST = 6  # subject: who asks (8 bytes), number of the request (8); frame: JSON, see admin_protocol.py
    ADMIN_REPLY = 7  # subject: that of the request; frame: JSON
    BROADCAST = 8  # there is one to be read


TYPES = 1  # the flag of a signal: its user is typing; without it and with position 0: has stopped typing
MEMBERS_CHANGED = 1  # the flag of a change: reload the members
FORGOTTEN = 1  # the flag of a resync: drop the cached frames of the conversation first
USER_CHANGED = 1  # the flag of an event: reload its user


class Delivery(msgspec.Struct, frozen=True):
    """What another process has published; `key` is the id in the name of the channel."""

    kind: Kind
    key: bytes
    subject: bytes
    number: int
    flags: int
    frame: bytes


def conversation_channel(key: bytes) -> bytes:
    """Return the channel of a conversation's changes and signals."""
    return b"c" + key


def user_channel(key: bytes) -> bytes:
    """Return the channel of one user's events."""
    return b"u" + key


def market_channel(market: str) -> bytes:
    """Return the channel of what is told to all clients of a marketplace."""
    return b"m" + market.encode()


def replies_channel(subject: bytes) -> bytes:
    """Return the channel of replies to an admin request, or to all requests of an origin."""
    return b"r" + subject[:8]


EVERYBODY = b"a"  # every hub
ADMIN_REQUESTS = b"q"  # every hub


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
        self._shards = [_Shard(url, self._received, restored, self._may_have_lost, self.origin, lag) for url in urls]
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

    def _shard(self, channel: bytes) -> "_Shard":
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


class _Shard:
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
