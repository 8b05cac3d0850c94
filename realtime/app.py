"""The hub: its parts put together, from the bus up to the door, and taken down again."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web

from config.settings import Settings
from core.context import Resources
from core.limits import Rate
from realtime.bus import SESSIONS_CHANNEL, Bus
from realtime.catchup import Log
from realtime.client import Client
from realtime.engine.server import Config, Engine
from realtime.engine.session import Session
from realtime.engine.sockets import socketio
from realtime.gateway import Gateway
from realtime.handlers import Handlers
from realtime.limits import Limiter
from realtime.local import Local
from realtime.presence import Presence
from realtime.publisher import Publisher
from realtime.recovery import Recovery
from realtime.rooms import Rooms
from realtime.users import Users


class Hub:
    """One hub process's realtime half; `engine` is what the door lets in."""

    def __init__(self, settings: Settings, resources: Resources, messages: Rate) -> None:
        config = Config(origins=settings.cors_origins)
        self.engine = Engine(config, socketio({"/": self._client}))
        outbox = self.engine.outbox
        self._bus = Bus(settings.redis_urls, lambda delivery: local.deliver(delivery), lambda: rooms.mend_all())
        history = Log(resources.db)
        rooms = self._rooms = Rooms(resources.db, history, self._bus, outbox)
        users = Users(self._bus, outbox, lambda user: presence.came(user), lambda user: presence.left(user))
        local = Local(rooms, users, lambda session: self._gateway.end_session(session))
        self._publisher = Publisher(resources, self._bus, local)
        hub_id = self._bus.origin.hex()
        presence = self._presence = Presence(hub_id, resources.redis, resources.db, users.keys, self._publisher.emit)
        recovery = Recovery(resources.redis)
        handlers = Handlers(resources, history, rooms, presence, self._publisher, recovery)
        limiter = Limiter(messages if settings.rate_limits == "on" else None)
        self._gateway = Gateway(resources, frozenset(settings.marketplaces), users, handlers, limiter, recovery)

    def routes(self) -> list[web.RouteDef]:
        """Return long-polling and the upgrades that come to aiohttp."""
        return self.engine.routes()

    async def start(self) -> None:
        """Listen to the bus before there are clients."""
        await self._bus.start()
        self._bus.listen(SESSIONS_CHANNEL)
        await self._publisher.start()
        await self._presence.start()
        self._rooms.start()
        self.engine.start()

    async def stop(self) -> None:
        """Send the clients away, commit what they sent, and leave the bus."""
        await self.engine.stop()
        await self._rooms.stop()
        await self._publisher.stop()
        await self._presence.stop()
        await self._bus.stop()

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
