"""The hub: composes its parts, from the bus up to the door, and starts and stops them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from aiohttp import web

from config.settings import Settings
from core.base.clock import now
from core.limits.address import client_address, is_trusted, subject, subjects
from core.limits.offenders import Offenders
from core.market.market import Marketplace
from core.platform.observability.metrics import Metrics
from core.work.context import Resources
from realtime import browser_client, wire
from realtime.bus.bus import Bus
from realtime.bus.deliveries import ADMIN_REQUESTS, EVERYBODY
from realtime.dialect.encoders import Encoders
from realtime.engine import endpoints
from realtime.engine.acceptor import Acceptor
from realtime.engine.config import Config
from realtime.engine.engine import Engine
from realtime.engine.socketio.sockets import socketio
from realtime.engine.transports.frames import CLOSE_CODES
from realtime.gateway.gateway import Gateway
from realtime.gateway.handlers import Handlers
from realtime.gateway.limits import Limiter
from realtime.gateway.recovery import Recovery
from realtime.gateway.resync import Resync
from realtime.gateway.spaces import Spaces
from realtime.log.message_log import MessageLog
from realtime.operations import probes
from realtime.operations.admin_responder import AdminResponder
from realtime.operations.drain import Drain
from realtime.operations.heartbeat import Heartbeat, Mean, PerSecond, identity
from realtime.operations.loop_lag import LoopLag
from realtime.operations.probes import NotReadyError, usual_checks
from realtime.operations.process_status import HUBS_KEY, HubStatus
from realtime.publishing.broadcasts import Broadcasts
from realtime.publishing.publisher import Publisher
from realtime.publishing.receiver import BusReceiver
from realtime.rooms.presence import Presence
from realtime.rooms.rooms import Rooms
from realtime.rooms.users import Users


class Hub:
    """The realtime half of a hub process; `acceptor` takes the connections of its door."""

    def __init__(self, settings: Settings, resources: Resources, markets: Sequence[Marketplace]) -> None:
        self.metrics = resources.metrics
        self.engine = Engine(door_config(settings, resources.offenders))
        outbox = self.engine.outbox
        self._bus = Bus(
            settings.redis_urls,
            resources.metrics,
            lambda delivery: receiver.deliver(delivery),
            lambda: receiver.resync_all(),
        )
        log, encoders = MessageLog(resources.db, resources.sealing), Encoders(markets)
        rooms = self._rooms = Rooms(resources.db, log, self._bus, outbox, encoders)
        users = Users(self._bus, outbox, lambda user: presence.came(user), lambda user: presence.left(user))
        receiver = BusReceiver(
            rooms,
            users,
            end_session=lambda session: gateway.end_session(session),
            reload=lambda user: gateway.reload(user),
            recheck_logins=lambda: gateway.logins.recheck(),
            admin_request=lambda request: responder.received(request),
            broadcast=lambda: broadcasts.wake(),
        )
        broadcasts = self._broadcasts = Broadcasts(resources.db, self._bus, users, outbox, encoders, markets)
        self._publisher = Publisher(resources, self._bus, receiver, encoders)
        hub_id = self._bus.origin.hex()
        presence = self._presence = Presence(
            hub_id, resources.redis, resources.db, users, self._publisher.send_presence, self._bus.store, encoders
        )
        recovery = Recovery(resources.redis, self._bus, rooms.stamps)
        resync = Resync(resources.db, log, rooms, recovery)
        policies = {market.name: market.policy for market in markets}
        handlers = Handlers(resources, log, rooms, presence, self._publisher, recovery, resync, policies)
        messages = {name: policy.messages for name, policy in policies.items()}
        is_limited = settings.rate_limits == "on"
        limiter = Limiter(resources.limits, resources.offenders, messages if is_limited else None)
        spaces = Spaces(
            markets,
            encoders,
            self._publisher,
            lambda market: {**handlers.events(market), wire.RefreshAuth: lambda *event: gateway.refresh_auth(*event)},
        )
        gateway = self._gateway = Gateway(resources, users, handlers.typing, spaces, limiter, recovery, resync)
        self.acceptor = Acceptor(self.engine, socketio(gateway.namespaces()))

        self._lag = LoopLag(resources.metrics)
        self._drain = Drain(self.engine, users.clients)
        responder = AdminResponder(hub_id, self._bus, rooms, users, self._drain.set)
        status = self._status_of(hub_id, settings, users)
        self._heartbeat = Heartbeat(HUBS_KEY, hub_id, resources.redis, usual_checks(resources), status)
        self._measure(resources.metrics, users)

    def _measure(self, metrics: Metrics, users: Users) -> None:
        sessions, rooms = self.engine.sessions, self._rooms
        metrics.watch("greenroom_connections", "Sessions of clients", lambda: len(sessions))
        metrics.watch("greenroom_users", "Users with a socket here", lambda: len(users))
        metrics.watch("greenroom_rooms", "Conversations awake here", lambda: len(rooms))
        metrics.count("greenroom_deliveries", "Events written to members of rooms", lambda: rooms.deliveries)
        metrics.count("greenroom_bus_gaps", "Holes in a room that were filled from the log", lambda: rooms.gaps)
        for code in CLOSE_CODES:
            read = partial(self.engine.closes.__getitem__, code)
            metrics.count("greenroom_websocket_closes", "WebSockets that we have closed, by code", read, code=str(code))
        metrics.watch("greenroom_slow_sessions", "Sessions that are behind", lambda: len(self.engine.slow))

    def _status_of(self, hub_id: str, settings: Settings, users: Users) -> Callable[[dict[str, str]], HubStatus]:
        this = identity(hub_id, settings.port)
        messages, deliveries = PerSecond(lambda: self._publisher.committed), PerSecond(lambda: self._rooms.deliveries)
        bus_lag = Mean(self.metrics.bus_seconds)

        def status(missing: dict[str, str]) -> HubStatus:
            return HubStatus(
                **this,
                beat_at=now(),
                missing={**missing, **({"hub": self._trouble} if self._trouble else {})},
                draining=self._drain.is_on,
                deaf=self.deaf,
                deaf_to=self._bus.unheard,
                deaf_seconds=self._bus.deaf_seconds(),
                connections=len(self.engine.sessions),
                users=len(users),
                rooms=len(self._rooms),
                slow_sessions=len(self.engine.slow),
                messages_per_second=messages.take(),
                deliveries_per_second=deliveries.take(),
                loop_lag_seconds=self._lag.take_worst(),
                bus_lag_seconds=bus_lag.take(),
                journal_waiting=self._publisher.waiting,
                bus_gaps=self._rooms.gaps,
            )

        return status

    def routes(self) -> list[web.RouteDef]:
        """Return long-polling, the upgrades that come to aiohttp, and the client for browsers."""
        return [*endpoints.routes(self.acceptor), *browser_client.routes()]

    async def start(self) -> None:
        """Subscribe to the bus before there are clients."""
        await self._bus.start()
        self._bus.listen(EVERYBODY)
        self._bus.listen_everywhere(ADMIN_REQUESTS)
        await self._publisher.start()
        await self._presence.start()
        await self._broadcasts.start()
        self._rooms.start()
        self._gateway.logins.start()
        self._lag.start()
        self.engine.start()
        await self._heartbeat.start()

    async def stop(self) -> None:
        """Disconnect the clients, commit what they sent, and disconnect from the bus."""
        await self._heartbeat.stop()
        await self._drain.stop()
        await self.engine.stop()
        await self._gateway.logins.stop()
        await self._rooms.stop()
        await self._broadcasts.stop()
        await self._lag.stop()
        await self._publisher.stop()
        await self._presence.stop()
        await self._bus.stop()

    @property
    def deaf(self) -> bool:
        """Whether a bus server cannot be heard: what other hubs publish on it comes from the log only, and late."""
        return bool(self._bus.unheard)

    async def ready(self) -> None:
        """Raise NotReadyError while new clients should go to another hub."""
        if self._trouble:
            raise NotReadyError(self._trouble)

    @property
    def _trouble(self) -> str:
        if unheard := self._bus.unheard:
            return f"not heard: {', '.join(unheard)}"
        return "an operator drains it" if self._drain.is_on else ""


def door_config(settings: Settings, offenders: Offenders) -> Config:
    """Return the engine's settings for the ports of every process."""

    def limited(kind: str, address: str) -> None:
        offenders.limited(kind, subject(address))

    return Config(
        origins=(*settings.cors_origins, settings.public_url),
        refused_origin=offenders.origin,
        address=partial(client_address, proxies=settings.trusted_proxies),
        subjects=subjects,
        trusted=partial(is_trusted, proxies=settings.trusted_proxies),
        limited=limited,
        probes=probes.PATHS,
        rates=settings.rate_limits == "on",
    )


@asynccontextmanager
async def open_hub(settings: Settings, resources: Resources, markets: Sequence[Marketplace]) -> AsyncIterator[Hub]:
    """Open a hub for these markets: each has its own rate of messages, and may have events of its own."""
    async with AsyncExitStack() as stack:
        hub = Hub(settings, resources, markets)
        stack.push_async_callback(hub.stop)
        await hub.start()
        yield hub
