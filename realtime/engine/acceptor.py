"""Finds the session of a request, or opens a new one, by polling or on a WebSocket."""

import asyncio
import random
import secrets
from collections.abc import Callable
from sys import intern
from typing import Final

from core.base.origins import is_listed, is_of
from core.limits.budget import NestedBuckets
from realtime.engine.engine import Engine
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
from realtime.engine.limits.guard import Client
from realtime.engine.session import Layer, Session
from realtime.engine.transports import upgrade
from realtime.engine.transports.frames import text_frame
from realtime.engine.transports.polling import Polling
from realtime.engine.transports.websocket import WebSocket

MAX_USER_AGENT: Final = 256  # characters kept


class Acceptor:
    """Accepts clients for an engine; `layer` makes what sits on each session."""

    def __init__(self, engine: Engine, layer: Callable[[Session], Layer]) -> None:
        config = engine.config
        self.engine = engine
        self.paths = config.served_paths()
        engine.guard.session_of = lambda request: self._member(request.query.get("sid", ""))
        self._layer = layer
        self._open_packet = (
            f'0{{"sid":"%s","upgrades":[%s],"pingInterval":{round(config.ping_interval * 1000)},'
            f'"pingTimeout":{round(config.ping_timeout * 1000)},"maxPayload":{config.max_payload}}}'
        )

    def allows(self, request: Request) -> bool:
        """Whether the page that makes this request may connect; clients other than browsers name no page."""
        origin, config = request.origin, self.engine.config
        if not origin or is_of(origin, (request.host,)) or is_listed(origin, config.origins):
            return True
        return config.trusted(request.remote) and is_of(origin, request.forwarded_hosts)

    def admit(self, request: Request) -> Session | None:
        """Return the session that a request belongs to, or None if it may open one. Raises Refused."""
        query = request.parameters()
        transport = query.get("transport")
        if transport not in ("polling", "websocket"):
            raise Refused(TRANSPORT_UNKNOWN)
        if not self.allows(request):
            self.engine.config.refused_origin(request.origin, request.host)
            raise Refused(FORBIDDEN, 403)
        if sid := query.get("sid"):
            return self._session_of(sid, transport, request)
        if request.method != "GET":
            raise Refused(BAD_METHOD)
        if query.get("EIO") != "4":
            raise Refused(UNSUPPORTED_VERSION)
        if (transport == "websocket") != bool(request.key):
            raise Refused(BAD_REQUEST)
        if self.engine.refuses_new:
            raise Refused(BAD_REQUEST, 503)
        try:
            self.engine.config.address(request.remote, request.forwarded)
        except ValueError:
            raise Refused(BAD_REQUEST) from None
        return None

    def is_late(self, client: Client, request: Request, buckets: NestedBuckets) -> bool:
        """Charge a request for a WebSocket; True if its client, or its session, exceeds the rate."""
        return self.engine.guard.is_late(client, buckets, lambda: self._member(request.parameters().get("sid", "")))

    def _member(self, sid: str) -> str:
        """The id of an accepted session, which is charged itself if strangers have used up the rate of its address."""
        session = self.engine.sessions.get(sid)
        return sid if session is not None and session.is_let_in else ""

    def _session_of(self, sid: str, transport: str, request: Request) -> Session:
        engine = self.engine
        session = engine.sessions.get(sid)
        if session is None and request.method == "GET" and not request.key:
            session = engine.unfetched.get(sid)
        if session is None:
            # While this hub drains, the session may be on another one: 503 makes nginx try that.
            raise Refused(SESSION_UNKNOWN, 503 if engine.refuses_new else 400)
        if not request.key and session.transport.name != transport:
            raise Refused(BAD_REQUEST)
        return session

    def new_session(self, request: Request) -> Session:
        """Make the session that an admitted request may open."""
        engine = self.engine
        user_agent = request.user_agent[:MAX_USER_AGENT].encode("ascii", "replace").decode()
        address = intern(engine.config.address(request.remote, request.forwarded))
        subjects = engine.guard.subjects(address)
        budget = Budget(engine.config, address)
        return Session(engine, secrets.token_urlsafe(15), address, intern(user_agent), budget, subjects)

    def open_polling(self, session: Session) -> str:
        """Begin a session by polling; returns its open packet."""
        polling = Polling(session)
        session.transport, session.write = polling, polling.write
        self._begin(session)
        return self._open_packet % (session.sid, '"websocket"')

    def open_websocket(self, transport: asyncio.Transport, request: Request, session: Session) -> WebSocket:
        """Answer an admitted request for a WebSocket: it carries a new session, or offers itself to a known one."""
        engine = self.engine
        websocket = WebSocket(engine, transport, session.budget)
        Intake.take_over(transport, engine.turns, websocket)
        answer = switching_protocols(request.key, request.protocol)
        if session.sid in engine.sessions:
            transport.write(answer)
            upgrade.offer(session, websocket)
        else:
            session.transport, session.write = websocket, transport.write
            websocket.taker = session
            transport.write(answer + text_frame((self._open_packet % (session.sid, "")).encode()))
            self._begin(session)
        return websocket

    def _begin(self, session: Session) -> None:
        engine = self.engine
        engine.sessions[session.sid] = session
        # Random, or all clients of a restarted hub would be pinged in the same tick forever.
        engine.wheel.schedule(session, engine.config.ping_interval * random.uniform(0.5, 0.9))  # noqa: S311
        session.layer = self._layer(session)
        engine.guard.strangers.enter(session.stranger, session)
