"""The engine's routes: long-polling, and WebSocket upgrades on connections that aiohttp owns already."""

import asyncio
from typing import Final, cast

from aiohttp import hdrs, web
from aiohttp.http_websocket import WebSocketReader

from realtime.engine.acceptor import Acceptor
from realtime.engine.http.connection import Connection
from realtime.engine.http.handshake import (
    BAD_METHOD,
    BAD_REQUEST,
    ENCODED,
    FORBIDDEN,
    TOO_LARGE,
    Refused,
    Request,
    bad_upgrade,
    make_request,
    websocket_key,
)
from realtime.engine.session import TRANSPORT_ERROR, Session
from realtime.engine.transports.polling import Polling

_PREFLIGHT: Final = {"Access-Control-Allow-Methods": "GET, POST", "Access-Control-Max-Age": "86400"}


def routes(acceptor: Acceptor) -> list[web.RouteDef]:
    """One handler for every method on every served path."""

    async def handle(request: web.Request) -> web.Response:
        asked = _read(request)
        try:
            response = await _serve(acceptor, request, asked)
        except Refused as refused:
            response = web.Response(
                body=refused.body(), status=refused.status, headers=refused.headers, content_type="application/json"
            )
        if asked.origin and acceptor.allows(asked):
            _let_read(acceptor, asked.origin, response)
        response.headers["Cache-Control"] = "no-store"
        return response

    return [web.route("*", path, handle) for path in sorted(acceptor.paths)]


def _read(request: web.Request) -> Request:
    # A header may come on several lines, which mean the same as one.
    headers = {name.lower(): ",".join(request.headers.getall(name)) for name in request.headers}
    return make_request(request.method, request.query_string, websocket_key(headers), headers, request.remote or "")


async def _serve(acceptor: Acceptor, request: web.Request, asked: Request) -> web.Response:
    if asked.method == "OPTIONS":
        return _preflight(acceptor, request, asked)
    if not asked.key and asked.parameters().get("transport") == "websocket":
        raise bad_upgrade(request.headers)
    known = acceptor.admit(asked)
    if asked.key:
        return _take_connection(acceptor, request, asked, known or acceptor.new_session(asked))
    if known is None:
        return _open(acceptor, asked)
    polling = cast("Polling", known.transport)
    if asked.method == "GET":
        return await _poll(request, polling)
    if asked.method == "POST":
        return await _post(request, polling)
    raise Refused(BAD_METHOD)


def _open(acceptor: Acceptor, asked: Request) -> web.Response:
    """Begin a session by polling; the cookie is what HAProxy's `cookie io prefix` keeps clients on one hub by."""
    session = acceptor.new_session(asked)
    response = _text(acceptor.open_polling(session))
    response.set_cookie("io", session.sid, path="/", httponly=True, samesite="Lax")
    return response


def _preflight(acceptor: Acceptor, request: web.Request, asked: Request) -> web.Response:
    if not acceptor.allows(asked):
        acceptor.engine.config.refused_origin(asked.origin, asked.host)
        raise Refused(FORBIDDEN, 403)
    wanted = request.headers.get("Access-Control-Request-Headers", "content-type")
    return web.Response(status=204, headers=_PREFLIGHT | {"Access-Control-Allow-Headers": wanted})


def _text(packets: str) -> web.Response:
    return web.Response(text=packets, content_type="text/plain")


def _let_read(acceptor: Acceptor, origin: str, response: web.Response) -> None:
    """Let a page read the answer; with cookies only if its origin is listed."""
    if "*" in acceptor.engine.config.origins:
        response.headers["Access-Control-Allow-Origin"] = "*"
    else:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
        response.headers["Vary"] = "Origin"


async def _poll(request: web.Request, polling: Polling) -> web.Response:
    await polling.pay(1.0)
    if not await polling.ready():
        raise Refused(BAD_REQUEST)
    if request.transport is None:  # it disconnected while it waited, and would lose these packets
        polling.session.close(TRANSPORT_ERROR)
    return _text(polling.take())


async def _post(request: web.Request, polling: Polling) -> web.Response:
    if polling.posting:
        polling.session.close(TRANSPORT_ERROR)
        raise Refused(BAD_REQUEST)
    polling.posting = True
    try:
        body = await polling.read(_read_body(request, polling))
        if polling.ended or not await polling.feed(body):
            raise Refused((BAD_REQUEST[0], polling.why or BAD_REQUEST[1]))
    finally:
        polling.posting = False
        polling.hold(0)
    return web.Response(text="ok", content_type="text/html")


async def _read_body(request: web.Request, polling: Polling) -> bytes:
    """All of the body, however many segments it comes in."""
    limit = polling.session.max_payload
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":
        raise Refused(ENCODED, 415)
    body, part = bytearray(), b""
    too_large = (request.content_length or 0) > limit
    try:
        while not too_large and (part := await request.content.readany()):
            body += part
            polling.hold(len(body))
            too_large = len(body) > limit
        if too_large:
            raise Refused(TOO_LARGE, 413)
        return bytes(body)
    finally:
        body.clear()  # an exception would keep the bytes until garbage is collected
        part = b""


class _Tail:
    """Collects from aiohttp what the client sent right behind its request."""

    def __init__(self) -> None:
        self.data = b""

    def feed_data(self, data: bytes) -> None:
        self.data += data

    def feed_eof(self) -> None: ...


def _take_connection(acceptor: Acceptor, request: web.Request, asked: Request, session: Session) -> web.Response:
    """Make a WebSocket of a connection that aiohttp owns."""
    owner, transport = request.protocol, cast("asyncio.Transport", request.transport)
    tail = _Tail()
    owner.set_parser(cast("WebSocketReader", tail))
    if isinstance(owner, Connection):
        tail.data += owner.unparsed()
    transport.resume_reading()  # it may have been paused by aiohttp
    websocket = acceptor.open_websocket(transport, asked, session)
    # To aiohttp the connection is lost: it forgets it, writes nothing more, and logs the answer.
    owner.transport = None
    owner.connection_lost(None)
    if tail.data:
        websocket.data_received(tail.data)
    return web.Response(status=101)
