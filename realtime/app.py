"""The hub: its parts put together, from the bus up to the door, and taken down again."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from aiohttp import web

from config.settings import Settings
from core.base.clock import now
from core.limits.address import client_address, is_trusted, subject, subjects
from core.limits.offenders import Offenders
from core.market.market import Marketplace
from core.platform.metrics import Metrics
from core.work.context import Resources
from realtime import browser_client, ops
from realtime.bus import EVERYBODY, QUESTIONS, Bus
from realtime.catchup import Log
from realtime.client import Client
from realtime.drain import Drain
from realtime.engine.frames import CLOSE_CODES
from realtime.engine.server import Config, Engine
from realtime.engine.session import Session
from realtime.engine.sockets import socketio
from realtime.gateway import Gateway
from realtime.handlers import Handlers
from realtime.heart import Mean, Pace, Pulse, who
from realtime.inspector import Inspector
from realtime.limits import Limiter
from realtime.local import Local
from realtime.loop_lag import LoopLag
from realtime.ops import NotReadyError, usual_checks
from realtime.presence import Presence
from realtime.publisher import Publisher
from realtime.pulse import KEY, Vitals
from realtime.recovery import Recovery
from realtime.returning import Returning
from realtime.rooms import Rooms
from realtime.users import Users


class Hub:
    """One hub process's realtime half; `engine` is what the door lets in."""

    def __init__(self, settings: Settings, resources: Resources, markets: Sequence[Marketplace]) -> None:
        self.metrics = resources.metrics
        self.engine = Engine(door_config(settings, resources.offenders), socketio({"/": self._client}))
        outbox = self.engine.outbox
        self._bus = Bus(
            settings.redis_urls, resources.metrics, lambda delivery: local.deliver(delivery), lambda: local.mend_all()
        )
        history = Log(resources.db)
        rooms = self._rooms = Rooms(resources.db, history, self._bus, outbox)
        users = Users(self._bus, outbox, lambda user: presence.came(user), lambda user: presence.left(user))
        local = Local(
            rooms,
            users,
            end_session=lambda session: gateway.end_session(session),
            reload=lambda user: gateway.reload(user),
            recheck_logins=lambda: gateway.logins.recheck(),
            asked=lambda question: inspector.asked(question),
        )
        self._publisher = Publisher(resources, self._bus, local)
        hub_id = self._bus.origin.hex()
        presence = self._presence = Presence(
            hub_id, resources.redis, resources.db, users, self._publisher.tell_presence, self._bus.store
        )
        recovery = Recovery(resources.redis, self._bus, rooms.stamps)
        returning = Returning(resources.db, history, rooms, recovery)
        policies = {market.name: market.policy for market in markets}
        handlers = Handlers(resources, history, rooms, presence, self._publisher, recovery, returning, policies)
        messages = {name: policy.messages for name, policy in policies.items()}
        is_limited = settings.rate_limits == "on"
        limiter = Limiter(resources.limits, resources.offenders, messages if is_limited else None)
        gateway = self._gateway = Gateway(
            resources,
            frozenset(market.name for market in markets),
            users,
            handlers,
            handlers.own_table(markets),
            limiter,
            recovery,
            returning,
        )

        self._lag = LoopLag(resources.metrics)
        self._drain = Drain(self.engine)
        inspector = Inspector(hub_id, self._bus, rooms, users, self._drain.set)
        vitals = self._vitals_of(hub_id, settings, users)
        self._pulse = Pulse(KEY, hub_id, resources.redis, usual_checks(resources), vitals)
        self._measure(resources.metrics, users)

    def _measure(self, metrics: Metrics, users: Users) -> None:
        sessions, rooms = self.engine.sessions, self._rooms
        metrics.watch("greenroom_connections", "Sessions of clients", lambda: len(sessions))
        metrics.watch("greenroom_users", "Users with a socket here", lambda: len(users))
        metrics.watch("greenroom_rooms", "Conversations awake here", lambda: len(rooms))
        metrics.count("greenroom_deliveries", "Events written to members of rooms", lambda: rooms.deliveries)
        metrics.count("greenroom_bus_gaps", "Holes in a room that were filled from the log", lambda: rooms.holes)
        for code in CLOSE_CODES:
            read = partial(self.engine.closes.__getitem__, code)
            metrics.count("greenroom_websocket_closes", "WebSockets that we have closed, by code", read, code=str(code))
        metrics.watch("greenroom_slow_sessions", "Sessions that are behind", lambda: len(self.engine.slow))

    def _vitals_of(self, hub_id: str, settings: Settings, users: Users) -> Callable[[dict[str, str]], Vitals]:
        this = who(hub_id, settings.port)
        messages, deliveries = Pace(lambda: self._publisher.committed), Pace(lambda: self._rooms.deliveries)
        bus_lag = Mean(self.metrics.bus_seconds)

        def vitals(missing: dict[str, str]) -> Vitals:
            return Vitals(
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
                bus_gaps=self._rooms.holes,
            )

        return vitals

    def routes(self) -> list[web.RouteDef]:
        """Return long-polling, the upgrades that come to aiohttp, and the client for browsers."""
        return [*self.engine.routes(), *browser_client.routes()]

    async def start(self) -> None:
        """Listen to the bus before there are clients."""
        await self._bus.start()
        self._bus.listen(EVERYBODY)
        self._bus.listen_everywhere(QUESTIONS)
        await self._publisher.start()
        await self._presence.start()
        self._rooms.start()
        self._gateway.logins.start()
        self._lag.start()
        self.engine.start()
        await self._pulse.start()

    async def stop(self) -> None:
        """Send the clients away, commit what they sent, and leave the bus."""
        await self._pulse.stop()
        await self._drain.stop()
        await self.engine.stop()
        await self._gateway.logins.stop()
        await self._rooms.stop()
        await self._lag.stop()
        await self._publisher.stop()
        await self._presence.stop()
        await self._bus.stop()

    @property
    def deaf(self) -> bool:
        """Whether some of what other hubs say comes from the log only, and late."""
        return bool(self._bus.unheard)

    async def ready(self) -> None:
        """Raise NotReadyError while clients are better off on another hub."""
        if self._trouble:
            raise NotReadyError(self._trouble)

    @property
    def _trouble(self) -> str:
        if unheard := self._bus.unheard:
            return f"not heard: {', '.join(unheard)}"
        return "an operator drains it" if self._drain.is_on else ""

    def _client(self, session: Session) -> Client:
        return self._gateway.client(session)


def door_config(settings: Settings, offenders: Offenders) -> Config:
    """Return what meets clients at the ports of every process."""

    def limited(kind: str, address: str) -> None:
        offenders.limited(kind, subject(address))

    return Config(
        origins=(*settings.cors_origins, settings.public_url),
        refused_origin=offenders.origin,
        address=partial(client_address, proxies=settings.trusted_proxies),
        subjects=subjects,
        trusted=partial(is_trusted, proxies=settings.trusted_proxies),
        limited=limited,
        probes=ops.PATHS,
        rates=settings.rate_limits == "on",
    )


@asynccontextmanager
async def open_hub(settings: Settings, resources: Resources, markets: Sequence[Marketplace]) -> AsyncIterator[Hub]:
    """Open a hub for these markets: each says how fast its users may send, and may have events of its own."""
    async with AsyncExitStack() as stack:
        hub = Hub(settings, resources, markets)
        stack.push_async_callback(hub.stop)
        await hub.start()
        yield hub
