"""The middlewares of all requests: request id, access log, errors in one format, CORS, security headers."""

import logging
import re
import time
from collections.abc import Sequence

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from redis.exceptions import RedisError

from api.access_log import AccessLog, shown_path
from api.error_answers import CORE, FORMS, answer
from core.base import errors
from core.base.errors import AppError, ErrorCode
from core.base.ids import uuid7
from core.base.origins import is_listed
from core.limits.budget import Buckets, Rate
from core.platform.db import UNAVAILABLE_ERRORS
from core.platform.observability import logs, tracing
from core.platform.observability.logs import Origin
from core.platform.observability.metrics import Metrics

ADDRESS = web.RequestKey("address", str)  # the client's address
REQUEST_ID = web.RequestKey("request_id", str)
ID_HEADER = web.RequestKey("id_header", str)  # the header in which the request id came and is returned
ROUTE = web.RequestKey("route", str)  # the route of a marketplace's call
ID_HEADERS = ("X-Request-Id", "X-Correlation-Id")
GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
OF_STATUS = {
    404: errors.NOT_FOUND,
    405: errors.METHOD_NOT_ALLOWED,
    413: errors.PAYLOAD_TOO_LARGE,
    415: errors.UNSUPPORTED_MEDIA_TYPE,
}
NO_STORE = "no-store"
REVALIDATED = "private, no-cache"  # cached by the client only, and revalidated each time
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=31536000",
    hdrs.CACHE_CONTROL: NO_STORE,  # the default, because an answer may be personal
}
PREFLIGHT = {
    hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET, POST, PUT, PATCH, DELETE",
    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: (
        "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-CSRF-Token, X-Device-Token, X-Request-Id,"
        " X-Correlation-Id, X-Token-Transport"
    ),
    hdrs.ACCESS_CONTROL_MAX_AGE: "600",
}

UNAVAILABLE: tuple[type[Exception], ...] = (*UNAVAILABLE_ERRORS, RedisError)

log = logging.getLogger("api.access")
_outages = Buckets(Rate("lines of an outage", 20, 60))  # by type of error: each failed request has its own line besides


def observe(metrics: Metrics, lines: AccessLog) -> Middleware:
    """Give each request an id, time it, and log it."""

    @web.middleware
    async def observed(request: web.Request, handler: Handler) -> web.StreamResponse:
        id = _take_id(request)
        with (
            logs.on_behalf(Origin(id)),
            tracing.span(
                _name(request), "server", request.headers.get("traceparent", ""), greenroom__request_id=id
            ) as span,
        ):
            started = time.perf_counter()
            response = await handler(request)
            span.fact("http.response.status_code", response.status)
            if response.status >= 500:
                span.failed()
            seconds = time.perf_counter() - started
            if route := request.get(ROUTE):
                metrics.requests.labels(request.method, route, response.status).observe(seconds)
            lines.note(request, request[ADDRESS], response.status, seconds)
            return response

    return observed


def _take_id(request: web.Request) -> str:
    """Return the request id sent by the client, or a new one."""
    header = next((name for name in ID_HEADERS if name in request.headers), ID_HEADERS[0])
    given = request.headers.get(header, "")
    request[ID_HEADER] = header
    id = request[REQUEST_ID] = given if GIVEN_ID.fullmatch(given) else str(uuid7())
    return id


def _name(request: web.Request) -> str:
    """Name a call by its route, because paths hold ids."""
    resource = request.match_info.route.resource
    return f"{request.method} {resource.canonical if resource else ''}".strip()


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every failure in the error format of its marketplace."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _refuse(
            request, OF_STATUS.get(error.status, _other(error)).error(), error.headers.getall(hdrs.ALLOW, [])
        )
    except AppError as error:
        return _refuse(request, error)
    except UNAVAILABLE as error:
        # The failure may be that the client has disconnected: then no answer is needed.
        if request.transport is not None and _outages.take(type(error).__name__, time.monotonic()) <= 0:
            log.warning("%s %s is not possible right now: %r", request.method, shown_path(request), error)
        return _refuse(request, errors.UNAVAILABLE.error())
    except Exception:
        log.exception("%s %s failed", request.method, shown_path(request))
        return _refuse(request, errors.INTERNAL_ERROR.error())


@web.middleware
async def refuse_encoded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse compressed bodies: a few kilobytes can expand to any amount of work."""
    check_not_encoded(request.headers.get(hdrs.CONTENT_ENCODING, ""))
    return await handler(request)


def check_not_encoded(encoding: str) -> None:
    """Raise UNSUPPORTED_MEDIA_TYPE if a body, or a part of one, is compressed; `encoding` is its Content-Encoding."""
    if encoding.strip().lower() not in ("", "identity"):
        raise errors.UNSUPPORTED_MEDIA_TYPE.error("Send the body as it is, without a Content-Encoding")


def cors(origins: Sequence[str]) -> Middleware:
    """Add CORS headers for web pages of other origins."""

    @web.middleware
    async def allow_origins(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get(hdrs.ORIGIN, "")
        if not origin or not is_listed(origin, origins):
            return await handler(request)
        response = await handler(request)
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS] = "true"
        response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = (
            "ETag, Idempotency-Replayed, Location, X-Device-Token, X-Request-Id, X-Correlation-Id, Retry-After, RateLimit,"
            " RateLimit-Policy"
        )
        response.headers.add(hdrs.VARY, hdrs.ORIGIN)
        return response

    return allow_origins


def preflight(origins: Sequence[str]) -> Middleware:
    """Answer CORS preflight requests, which are counted and logged like all others."""

    @web.middleware
    async def answer_preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
        # A route that handles OPTIONS itself (the engine's) answers its own preflights.
        is_preflight = request.method == hdrs.METH_OPTIONS and request.match_info.http_exception
        if is_preflight and is_listed(request.headers.get(hdrs.ORIGIN, ""), origins):
            return web.Response(status=204, headers=PREFLIGHT)
        return await handler(request)

    return answer_preflight


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers of every answer. It is a signal, because streams send their headers early."""
    if id := request.get(REQUEST_ID):  # requests refused before the middlewares have none
        response.headers[request[ID_HEADER]] = id
    response.headers.popall(hdrs.SERVER, None)  # it would reveal aiohttp's version
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)


def _refuse(request: web.Request, error: AppError, allow: Sequence[str] = ()) -> web.Response:
    forms = request.app.get(FORMS)
    return answer(error, allow, forms.of(request.path) if forms else CORE, request.get(REQUEST_ID, ""))


def _other(error: web.HTTPException) -> ErrorCode:
    return errors.MALFORMED_REQUEST if error.status < 500 else errors.INTERNAL_ERROR
