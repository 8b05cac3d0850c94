"""The client of the admin protocol: asks all hubs over the bus what operators want to know. For the api process."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import msgspec
from redis.asyncio import Redis

from config.settings import Settings
from core.limits.outage import REDIS_ERRORS
from core.platform.observability.metrics import Metrics
from core.work.context import Resources
from realtime.bus.bus import Bus
from realtime.bus.deliveries import ADMIN_REQUESTS, Delivery, Kind, replies_channel
from realtime.operations.admin_protocol import AdminReply, AdminRequest, Seen
from realtime.operations.process_status import HubStatus, read_hubs

GATHER_SECONDS = 0.5

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AdminReply).decode


class Gathering:
    """The replies to one request, as they come."""

    def __init__(self) -> None:
        self.seen: dict[str, Seen] = {}
        self._news = asyncio.Event()

    def add(self, reply: AdminReply) -> None:
        """Note what a hub has replied."""
        self.seen[reply.hub] = reply.seen
        self._news.set()

    async def until(self, expected: set[str] | None) -> None:
        """Return when these hubs have replied; never if it is not known which should."""
        while expected is None or not expected <= self.seen.keys():
            self._news.clear()
            await self._news.wait()


class KnownHubs(msgspec.Struct, frozen=True):
    """The ids of all hubs, and of those that sent a heartbeat lately."""

    all: set[str]
    alive: set[str]


class Replies(msgspec.Struct, frozen=True):
    """What hubs have replied, by their ids, and those that should have and did not.

    `heard_all`: all hubs have replied, so a user without sockets is offline. False also if the set of hubs is unknown.
    """

    seen: Mapping[str, Seen]
    unheard: list[str]
    heard_all: bool


class AdminClient:
    """All hubs, as far as they can be reached over this bus."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._known: KnownHubs | None = None
        self._bus: Bus
        self._gatherings: dict[bytes, Gathering] = {}

    async def start(self, settings: Settings) -> None:
        """Subscribe to replies."""
        # Metrics of its own: this bus would count as a second one of the process.
        self._bus = Bus(settings.redis_urls, Metrics(), self._received, restored=lambda: None)
        await self._bus.start()
        self._bus.listen_everywhere(replies_channel(self._bus.origin))

    async def stop(self) -> None:
        """Disconnect."""
        await self._bus.stop()

    async def hub_statuses(self) -> list[HubStatus]:
        """Return the status of each hub, also of those that fell silent within the last minute; raises what Redis raises."""
        statuses = await read_hubs(self._redis)
        # No hubs at all: Redis has just started, and gets a heartbeat from each hub within two seconds.
        alive = {one.id for one in statuses if not one.is_silent}
        self._known = KnownHubs({one.id for one in statuses}, alive) if statuses else None
        return statuses

    async def ask(self, request: AdminRequest, *hubs: str) -> Replies:
        """Return the replies of these hubs (by default, of all that are alive) within half a second."""
        number = self._bus.origin + os.urandom(8)
        gathering = self._gatherings[number] = Gathering()
        self._bus.publish_everywhere(ADMIN_REQUESTS, Kind.ADMIN_REQUEST, _encode(request), number)
        try:
            known = KnownHubs(set(hubs), set(hubs)) if hubs else await self._known_hubs()
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHER_SECONDS):
                    await gathering.until(known.alive if known else None)
        finally:
            del self._gatherings[number]
        unheard = sorted(known.all - gathering.seen.keys()) if known else []
        return Replies(gathering.seen, unheard, heard_all=known is not None and not unheard)

    async def _known_hubs(self) -> KnownHubs | None:
        """Return the known hubs; while Redis is unreachable those known before, or None if there are none."""
        with suppress(*REDIS_ERRORS):
            await self.hub_statuses()
        return self._known

    def _received(self, delivery: Delivery) -> None:
        if delivery.kind == Kind.ADMIN_REPLY and (gathering := self._gatherings.get(delivery.subject)):
            gathering.add(_decode(delivery.frame))


@asynccontextmanager
async def open_admin_client(settings: Settings, resources: Resources) -> AsyncIterator[AdminClient | None]:
    """Open the client for the console; None if there are no operators."""
    if not settings.operator_tokens:
        yield None
        return
    client = AdminClient(resources.redis)
    await client.start(settings)
    try:
        yield client
    finally:
        await client.stop()
