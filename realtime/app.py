"""The hub: its parts put together, from the bus up to the door, and taken down again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web

from config.settings import Settings
from core.context import Resources
from core.limits import Rate
from core.metrics import Metrics
from realtime import wire
from realtime.bus import EVERYBODY, Bus
from realtime.catchup import Log, encode
from realtime.client import Client
from realtime.engine.frames import GOING_AWAY
from realtime.engine.server import Config, Engine
from realtime.engine.session import SHUTTING_DOWN, Session
from realtime.engine.sockets import socketio
from realtime.gateway import Gateway
from realtime.handlers import Handlers
from realtime.limits import Limiter
from realtime.local import Local
from realtime.loop_lag import LoopLag
from realtime.presence import Presence
from realtime.publisher import Publisher
from realtime.recovery import Recovery
from realtime.returning import Returning
from realtime.rooms import Rooms
from realtime.users import Users

LEAVING_PER_SECOND = 2000  # what the other hubs take in beside their work
LONGEST_FAREWELL = 2.0  # seconds; whoever stops us does not wait for ever
SENT_AWAY_AT_ONCE = 50


class NotReadyError(Exception):
    """Why a hub should get no new clients right now."""


class Hub:
    """One hub process's realtime half; `engine` is what the door lets in."""

    def __init__(self, settings: Settings, resources: Resources, messages: Rate) -> None:
        config = Config(origins=settings.cors_origins)
        self.metrics = resources.metrics
        self.engine = Engine(config, socketio({"/": self._client}))
        outbox = self.engine.outbox
        self._bus = Bus(
            settings.redis_urls, resources.metrics, lambda delivery: local.deliver(delivery), lambda: rooms.mend_all()
        )
        history = Log(resources.db)
        rooms = self._rooms = Rooms(resources.db, history, self._bus, outbox)
        users = Users(self._bus, outbox, lambda user: presence.came(user), lambda user: presence.left(user))
        local = Local(rooms, users, lambda session: self._gateway.end_session(session))
        self._publisher = Publisher(resources, self._bus, local)
        hub_id = self._bus.origin.hex()
        presence = self._presence = Presence(
            hub_id, resources.redis, resources.db, users, self._publisher.tell_presence
        )
        recovery = Recovery(resources.redis)
        returning = Returning(history, rooms, recovery)
        handlers = Handlers(resources, history, rooms, presence, self._publisher, recovery, returning)
        limiter = Limiter(messages if settings.rate_limits == "on" else None)
        self._gateway = Gateway(
            resources, frozenset(settings.marketplaces), users, handlers, limiter, recovery, returning
        )

        self._lag = LoopLag(resources.metrics)
        self._measure(resources.metrics, users)

    def _measure(self, metrics: Metrics, users: Users) -> None:
        sessions, rooms = self.engine.sessions, self._rooms
        metrics.watch("greenroom_connections", "Sessions of clients", lambda: len(sessions))
        metrics.watch("greenroom_users", "Users with a socket here", lambda: len(users))
        metrics.watch("greenroom_rooms", "Conversations awake here", lambda: len(rooms))
        metrics.count("greenroom_deliveries", "Events written to members of rooms", lambda: rooms.deliveries)
        metrics.count("greenroom_bus_gaps", "Holes in a room that were filled from the log", lambda: rooms.holes)
        metrics.watch(
            "greenroom_slow_sessions", "Sessions that are behind", lambda: sum(one.behind for one in sessions.values())
        )

    def routes(self) -> list[web.RouteDef]:
        """Return long-polling and the upgrades that come to aiohttp."""
        return self.engine.routes()

    async def start(self) -> None:
        """Listen to the bus before there are clients."""
        await self._bus.start()
        self._bus.listen(EVERYBODY)
        await self._publisher.start()
        await self._presence.start()
        self._rooms.start()
        self._lag.start()
        self.engine.start()

    async def stop(self) -> None:
        """Send the clients away, commit what they sent, and leave the bus."""
        await self._send_away()
        await self.engine.stop()
        await self._rooms.stop()
        await self._lag.stop()
        await self._publisher.stop()
        await self._presence.stop()
        await self._bus.stop()

    @property
    def deaf(self) -> bool:
        """Whether what other hubs say comes from the log only, and late."""
        return self._bus.deaf

    async def ready(self) -> None:
        """Raise NotReadyError while clients are better off on another hub."""
        if self.deaf:
            raise NotReadyError("the bus cannot be heard")

    async def _send_away(self) -> None:
        """Close the sessions one by one, so that they do not all come back to the other hubs in the same moment."""
        sessions = list(self.engine.sessions.values())
        pace = max(LEAVING_PER_SECOND, len(sessions) / LONGEST_FAREWELL)
        for place, session in enumerate(sessions):
            restarting = wire.ServerRestarting(round(place / pace * 1000))
            self.engine.outbox.add(session, encode(restarting))
        for place, session in enumerate(sessions):
            if place % SENT_AWAY_AT_ONCE == SENT_AWAY_AT_ONCE - 1:
                await asyncio.sleep(SENT_AWAY_AT_ONCE / pace)
            session.close(SHUTTING_DOWN, GOING_AWAY)

    def _client(self, session: Session) -> Client:
        return self._gateway.client(session)


@asynccontextmanager
async def open_hub(settings: Settings, resources: Resources, messages: Rate) -> AsyncIterator[Hub]:
    """Open a hub; `messages` is how fast a user may send."""
    async with AsyncExitStack() as stack:
        hub = Hub(settings, resources, messages)
        stack.push_async_callback(hub.stop)
        await hub.start()
        yield hub
