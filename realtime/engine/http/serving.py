"""Serves the requests of a connection with aiohttp: within the rate of their address, and with our errors."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn, cast

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.web_protocol import RequestPayloadError, _ErrInfo

from realtime.engine.http.connection import Connection
from realtime.engine.http.faults import BAD_REQUEST, HEADERS_TOO_LARGE, INTERNAL
from realtime.engine.http.queued_request import QueuedRequest
from realtime.engine.http.responses import in_our_form, response_of, too_many
from realtime.engine.limits.budget import SERVE
from realtime.engine.limits.guard import Client, Guard

# Items of headers that are lists, each of which costs aiohttp microseconds: a browser has at most 180 cookies of a site.
MOST_ITEMS: Final = ((hdrs.COOKIE, ";", 200), (hdrs.IF_NONE_MATCH, ",", 50), (hdrs.IF_MATCH, ",", 50))

_GONE: Final = (HttpProcessingError, RequestPayloadError, ConnectionError)


class Http(Connection):
    """Serves a connection with aiohttp.

    Requests beyond the rate of their address are delayed (guard.py); behind our proxies it is the forwarded address.
    """

    __slots__ = ("_handle", "_queued")

    def __init__(self, server: web.Server, guard: Guard) -> None:
        super().__init__(server, guard)
        self._handle, self._request_handler = server.request_handler, self._serve
        self._queued: QueuedRequest | None = None  # where its request waits to be served

    def _leave(self) -> None:
        super()._leave()
        if self._queued:
            self._queued.crowded_out()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Handle a request, delayed if its address exceeds its rate; frequent refusals are delayed too."""
        client = self._client_of(request.headers) if self._is_proxy else self._peer
        is_late = bool(client.subjects) and self._asks_too_much(request, client)
        if (is_late or not self._guard.turns.pass_by(SERVE, self.turn)) and not await self._wait(
            request, client, is_late
        ):
            return too_many()
        try:
            response = response_of(HEADERS_TOO_LARGE) if _lists_too_much(request) else await self._handle(request)
        except web.HTTPException as refusal:
            await self._refuse(request, client, refusal.status, is_late)
            raise
        if response.status >= 400:
            await self._refuse(request, client, response.status, is_late)
        return response

    def _asks_too_much(self, request: web.BaseRequest, client: Client) -> bool:
        guard = self._guard
        buckets = guard.probes if request.path in guard.config.probes else guard.traffic
        return guard.is_late(client, buckets, lambda: self._sender_of(request))

    def _sender_of(self, request: web.BaseRequest) -> str:
        return "" if _lists_too_much(request) else self._guard.sender(request)

    async def _refuse(self, request: web.BaseRequest, client: Client, status: int, was_late: bool) -> None:
        """Delay a refusal if its client is refused too often."""
        guard = self._guard
        is_refusal = 400 <= status < 500
        if is_refusal and guard.is_late(client, guard.refusals, lambda: self._sender_of(request)) and not was_late:
            await self._wait(request, client, True)

    async def _wait(self, request: web.BaseRequest, client: Client, is_late: bool) -> bool:
        """Wait until a request may be served; False if it is refused or its client is gone."""
        if self.transport is None:
            return False
        served: asyncio.Future[bool] = self._loop.create_future()
        self._sender = self._sender_of(request)
        self._queued = queued = QueuedRequest(
            self._guard, client.subjects, served.set_result, is_late=is_late, turn=self.turn
        )
        try:
            return await served
        finally:
            queued.leave()
            self._queued = None

    def _make_error_handler(self, err_info: _ErrInfo) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
        """Refuse an unparsable request, delayed if that is too frequent."""
        handle = super()._make_error_handler(err_info)

        async def refuse(request: web.BaseRequest) -> web.StreamResponse:
            await self._refuse(request, self._peer, err_info.status, was_late=False)
            return await handle(request)

        return refuse

    def log_exception(self, *args: object, **kw: object) -> None:
        """Log an exception, except aiohttp's failures to read from a connection that we have closed."""
        if not self._force_close:
            super().log_exception(*args, **kw)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - holds what the client sent
    ) -> NoReturn:
        """Answer a request that failed outside a handler, and close. Client errors are not logged: they hold client data."""
        fault = INTERNAL
        if isinstance(exc, _GONE) or status == BAD_REQUEST.status:
            fault = HEADERS_TOO_LARGE if _is_too_large(exc) else BAD_REQUEST
        else:
            self.log_exception("A request failed", exc_info=exc)
        if request.writer.output_size == 0 and self.transport is not None:
            self.transport.write(fault.answer())
        self.force_close()
        raise ConnectionError("nothing more can be answered on this connection")

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Replace aiohttp's own error responses, such as for unknown paths: they repeat parts of the request."""
        ours = in_our_form(resp) if isinstance(resp, web.HTTPError) else resp
        self._answer = getattr(getattr(ours, "body", None), "held", 0)
        try:
            return await super().finish_response(request, ours, start_time)
        finally:
            self._answer = 0


def _lists_too_much(request: web.BaseRequest) -> bool:
    """Whether a header has too many items to be parsed."""
    headers = request.headers
    return any(name in headers and headers[name].count(between) > most for name, between, most in MOST_ITEMS)


def _is_too_large(error: BaseException | None) -> bool:
    return isinstance(error, LineTooLong) or "Too many headers" in str(cast("object", error))
