"""All sessions of one process."""

import asyncio
import random
import secrets
from collections.abc import Callable
from contextlib import suppress
from sys import intern
from typing import Final

from aiohttp import web

from core.base.origins import is_listed, is_of
from core.limits.budget import NestedBuckets
from realtime.engine import endpoints
from realtime.engine.config import Config as Config
from realtime.engine.http.handshake import (
    BAD_METHOD,
    BAD_REQUEST,
    FORBIDDEN,
    SESSION_UNKNOWN,
    TRANSPORT_UNKNOWN,
    UNSUPPORTED_VERSION,
    Refused,
    Request,
    switching_protocols,
)
from realtime.engine.http.intake import Intake
from realtime.engine.limits.budget import Budget
from realtime.engine.limits.guard import Client, Guard
from realtime.engine.outbox import Outbox
from realtime.engine.session import SHUTTING_DOWN, Layer, Session
from realtime.engine.transports import upgrade
from realtime.engine.transports.frames import CLOSE_CODES, GOING_AWAY, text_frame
from realtime.engine.transports.polling import Polling
from realtime.engine.transports.websocket import WebSocket

STOP_TIME: Final = 2.0  # seconds that peers have to hang up when the process stops
MAX_USER_AGENT: Final = 256  # characters kept


class Engine:
    """All sessions of one process; `layer` makes what sits on each."""

    def __init__(self, config: Config, layer: Callable[[Session], Layer]) -> None:
        self.config = config
        self.sessions: dict[str, Session] = {}
        self.partings: dict[str, Session] = {}  # closed ones whose clients have yet to fetch the last words
        self.slow: set[Session] = set()  # those that are behind
        self.closes = dict.fromkeys(CLOSE_CODES, 0)  # how often we have closed a WebSocket, by code
        self.refusing = False  # new sessions, though it goes on with those that it has
        self.outbox = Outbox()
        self.guard = Guard(config)
        self.guard.session_of = lambda request: self._member(request.query.get("sid", ""))
        self.turns = self.guard.turns
        self.wheel = self.guard.wheel
        self.paths = config.served_paths()
        self._layer = layer
        self._leaving: set[WebSocket] = set()
        self._all_left: asyncio.Event | None = None  # exists from `stop` on
        self._open_packet = (
            f'0{{"sid":"%s","upgrades":[%s],"pingInterval":{round(config.ping_interval * 1000)},'
            f'"pingTimeout":{round(config.ping_timeout * 1000)},"maxPayload":{config.max_payload}}}'
        )

    def start(self) -> None:
        """Begin to measure time, on the running loop."""
        self.wheel.start()

    async def stop(self) -> None:
        """Refuse new sessions, close all others, and return when the peers have hung up or their time is over."""
        self._all_left = asyncio.Event()
        for session in list(self.sessions.values()):
            session.close(SHUTTING_DOWN, GOING_AWAY)
        if self._leaving:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_left.wait(), STOP_TIME)
        self.wheel.finish()

    @property
    def _takes_nobody(self) -> bool:
        return self.refusing or self._all_left is not None

    def count_close(self, code: int) -> None:
        """We close a WebSocket, not its client."""
        self.closes[code] = self.closes.get(code, 0) + 1

    def leaving(self, websocket: WebSocket) -> None:
        """A WebSocket waits for its peer to hang up."""
        self._leaving.add(websocket)

    def left(self, websocket: WebSocket) -> None:
        """A WebSocket's connection is gone."""
        self._leaving.discard(websocket)
        if self._all_left is not None and not self._leaving:
            self._all_left.set()

    def routes(self) -> list[web.RouteDef]:
        """Long-polling, and the requests for a WebSocket that come to aiohttp."""
        return endpoints.routes(self)

    def allows(self, request: Request) -> bool:
        """Whether the page that makes this request may speak with us; what is no browser says nothing of pages."""
        origin, config = request.origin, self.config
        if not origin or is_of(origin, (request.host,)) or is_listed(origin, config.origins):
            return True
        return config.trusted(request.remote) and is_of(origin, request.forwarded_hosts)

    def admit(self, request: Request) -> Session | None:
        """The session that a request belongs to, or None if it may open one. Raises Refused."""
        query = request.parameters()
        transport = query.get("transport")
        if transport not in ("polling", "websocket"):
            raise Refused(TRANSPORT_UNKNOWN)
        if not self.allows(request):
            self.config.refused_origin(request.origin, request.host)
            raise Refused(FORBIDDEN, 403)
        if sid := query.get("sid"):
            return self._session_of(sid, transport, request)
        if request.method != "GET":
            raise Refused(BAD_METHOD)
        if query.get("EIO") != "4":
            raise Refused(UNSUPPORTED_VERSION)
        if (transport == "websocket") != bool(request.key):
            raise Refused(BAD_REQUEST)
        if self._takes_nobody:
            raise Refused(BAD_REQUEST, 503)
        try:
            self.config.address(request.remote, request.forwarded)
        except ValueError:
            raise Refused(BAD_REQUEST) from None
        return None

    def is_late(self, client: Client, request: Request, buckets: NestedBuckets) -> bool:
        """Pay for a request for a WebSocket; True if its client, or its session, asks too much."""
        return self.guard.is_late(client, buckets, lambda: self._member(request.parameters().get("sid", "")))

    def _member(self, sid: str) -> str:
        """The id of a session that a namespace has let in: it pays for itself what strangers at its address have used up."""
        session = self.sessions.get(sid)
        return sid if session is not None and session.is_let_in else ""

    def _session_of(self, sid: str, transport: str, request: Request) -> Session:
        session = self.sessions.get(sid)
        if session is None and request.method == "GET" and not request.key:
            session = self.partings.get(sid)
        if session is None:
            # While it sends clients away, those whose address leads here are on another hub: 503 has nginx ask that.
            raise Refused(SESSION_UNKNOWN, 503 if self._takes_nobody else 400)
        if not request.key and session.transport.name != transport:
            raise Refused(BAD_REQUEST)
        return session

    def new_session(self, request: Request) -> Session:
        """Make the session that an admitted request may open."""
        user_agent = request.user_agent[:MAX_USER_AGENT].encode("ascii", "replace").decode()
        address = intern(self.config.address(request.remote, request.forwarded))
        subjects = self.guard.subjects(address)
        budget = Budget(self.config, address)
        return Session(self, secrets.token_urlsafe(15), address, intern(user_agent), budget, subjects)

    def open_polling(self, session: Session) -> str:
        """Begin a session by polling; returns its open packet."""
        polling = Polling(session)
        session.transport, session.write = polling, polling.write
        self._begin(session)
        return self._open_packet % (session.sid, '"websocket"')

    def open_websocket(self, transport: asyncio.Transport, request: Request, session: Session) -> WebSocket:
        """Answer an admitted request for a WebSocket: it carries a new session, or offers itself to a known one."""
        websocket = WebSocket(self, transport, session.budget)
        Intake.take_over(transport, self.turns, websocket)
        answer = switching_protocols(request.key, request.protocol)
        if session.sid in self.sessions:
            transport.write(answer)
            upgrade.offer(session, websocket)
        else:
            session.transport, session.write = websocket, transport.write
            websocket.taker = session
            transport.write(answer + text_frame((self._open_packet % (session.sid, "")).encode()))
            self._begin(session)
        return websocket

    def _begin(self, session: Session) -> None:
        self.sessions[session.sid] = session
        # Spread, or all clients of a restarted hub are pinged in the same tick for ever.
        self.wheel.schedule(session, self.config.ping_interval * random.uniform(0.5, 0.9))  # noqa: S311
        session.layer = self._layer(session)
        self.guard.strangers.enter(session.stranger, session)
