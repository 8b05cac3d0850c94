"""A row of a marketplace's table becomes an aiohttp handler: authenticate, limit, decode, call, encode."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import replace
from functools import cache

import msgspec
from aiohttp import hdrs, web

from api import multipart
from api.admission import ADMISSION, ADMITTED
from api.auth import caller
from api.body import read_body
from api.cookies import Cookies, wanted, without_tokens
from api.fixed import Fixed
from api.lanes import Place
from api.middleware import ADDRESS, NO_STORE, REQUEST_ID, REVALIDATED, ROUTE
from api.pieces import Pieces
from api.shown import Shown, holder_of
from api.signature import signature_of
from core.accounts.csrf import CsrfToken
from core.accounts.sessions import Tokens
from core.base import errors
from core.base.answers import JSON, Answer, JsonFile, Text
from core.base.errors import AppError
from core.base.publisher import Publisher
from core.market.market import PUBLIC, Marketplace, Route
from core.platform import logs
from core.text.validation import Shape, converted
from core.work import idempotency
from core.work import rate_limits as limits
from core.work.context import Ctx, Resources
from core.work.etag import body_tag, matches
from core.work.rate_limits import Allowance

# Longer than any call takes that still has a chance: its client has a database that hangs, not one that is slow.
CALL_SECONDS = 10.0
# Files may come over slow lines.
UPLOAD_SECONDS = 1800.0

# Of the body of a call that is admitted once it has been read.
MOST_REFRESH = 8 * 1024
RAW = web.RequestKey("raw", bytes)
PLACE = web.RequestKey("place", Place)


class Endpoint:
    """One call of one marketplace."""

    def __init__(self, market: Marketplace, route: Route, resources: Resources, publisher: Publisher) -> None:
        self._market = market
        self._route = route
        self._resources = resources
        self._publisher = publisher
        self._signature = signature_of(route)
        self._cookies = Cookies(market.name, resources)
        # What needs a login is personal. Clients may still ask with If-None-Match about what they keep themselves.
        self._may_be_kept = (route.method, route.who) == ("GET", PUBLIC) and self._signature.answer is not CsrfToken
        self._counts_later = counts_later(route)
        self._body_shape = _shape(self._signature.body)
        self._fixed = Fixed(market, route)
        self._query_shape = _shape(self._signature.query)

    async def __call__(self, request: web.Request) -> web.Response:
        """Answer one request; raises AppError."""
        request[ROUTE] = self._route.path
        brings_files = bool(self._route.uploads) and request.content_type == "multipart/form-data"
        # Files may be slow to come.
        under_way = nullcontext() if brings_files else request.app[ADMISSION].under_way(request)
        async with asyncio.timeout(UPLOAD_SECONDS if brings_files else CALL_SECONDS) as deadline, under_way as place:
            if place:
                request[PLACE] = place
            ctx = await self._identified(request, self._context(request))
            logs.identify(ctx.market, str(ctx.caller.id) if ctx.caller else "")
            allowance = await self._limit(ctx, await self._shown(request, ctx))
            if ctx.caller:
                request[ADMITTED].give_back()
            response = await (self._answer_files if brings_files else self._answer)(request, ctx, deadline)
        response.headers.update(_rate_headers(allowance))
        response.headers[hdrs.CACHE_CONTROL] = REVALIDATED if self._may_be_kept else NO_STORE
        return response

    async def _answer(self, request: web.Request, ctx: Ctx, deadline: asyncio.Timeout) -> web.Response:
        arguments = self._arguments(request)
        raw = request.get(RAW)
        if raw is None:
            async with _stopped(deadline):
                raw = await _read_aside(request)
        if self._body_shape:
            place = dict(arguments)
            arguments["body"] = self._body(request, raw, self._body_shape)
            await self._fixed.check(ctx, place, raw)
        return await self._call(request, ctx, arguments, raw)

    async def _answer_files(self, request: web.Request, ctx: Ctx, _deadline: asyncio.Timeout) -> web.Response:
        arguments = self._arguments(request)
        async with (
            multipart.reading(request, ctx, self._market, self._route) as form,
            multipart.uploading(ctx, form, self._body_shape) as body,
        ):
            return await self._call(request, ctx, arguments | {"body": body}, form.digest)

    async def _call(self, request: web.Request, ctx: Ctx, arguments: dict[str, object], content: bytes) -> web.Response:
        await self._weigh(ctx, arguments.get("body"))
        if ctx.idempotency_key and self._route.keeps_answer:
            return await self._call_once(request, ctx, arguments, content)
        result = await self._route.handler(ctx, **arguments)
        if isinstance(result, JsonFile):
            return web.Response(body=result.file, content_type=JSON)
        shown = without_tokens(result) if isinstance(result, Tokens) and wanted(request) else result
        is_shared = isinstance(result, Answer) and isinstance(result.body, Text)
        response = answered(request, self._encode(shown), is_shared=is_shared)
        self._cookies.give(request, response, result)
        if self._route.ends_login:
            self._cookies.take(request, response)
        return response

    async def _call_once(
        self, request: web.Request, ctx: Ctx, arguments: dict[str, object], content: bytes
    ) -> web.Response:
        async def do(ctx: Ctx) -> Answer[bytes]:
            return self._encode(await self._route.handler(ctx, **arguments))

        call = (request.method.encode(), request.raw_path.encode(), content)
        answer, is_repeat = await idempotency.once(ctx, call, do)
        response = answered(request, answer)
        if is_repeat:
            response.headers["Idempotency-Replayed"] = "true"
        return response

    def _context(self, request: web.Request) -> Ctx:
        return Ctx(
            resources=self._resources,
            publisher=self._publisher,
            market=self._market.name,
            request_id=request[REQUEST_ID],
            remote=request[ADDRESS],
            user_agent=request.headers.get("User-Agent", ""),
            device=self._cookies.device(request),
            access_token=self._cookies.credential(request).token,
            idempotency_key=request.headers.get("Idempotency-Key", ""),
            if_match=request.headers.get(hdrs.IF_MATCH, ""),
            if_none_match=request.headers.get(hdrs.IF_NONE_MATCH, ""),
        )

    async def _identified(self, request: web.Request, ctx: Ctx) -> Ctx:
        """Return the context with the caller, if the route is for users; a failure counts like a public call of the address."""
        if not self._route.who:
            return ctx
        try:
            user = await caller(request, self._cookies, self._resources, self._market.name, self._route.who)
        except AppError:
            await limits.take(ctx, self._market.per_address, ctx.remote)
            raise
        return replace(ctx, caller=user)

    async def _shown(self, request: web.Request, ctx: Ctx) -> Shown:
        """Return the tokens of a call; where one is in the body, that is read, and the call admitted only then."""
        if not (self._counts_later and self._body_shape):
            return Shown(ctx.access_token, device=ctx.device)
        admission, refresh = request.app[ADMISSION], ""
        try:
            request[RAW] = raw = await _read_aside(request, MOST_REFRESH)
        except AppError:
            admission.take(ctx.remote)
            await limits.take(ctx, self._market.per_address_changes, ctx.remote)
            raise
        with suppress(AppError):  # which is answered when it has been counted
            refresh = getattr(self._body(request, raw, self._body_shape), "refresh_token", "")
        shown = Shown(ctx.access_token, refresh, ctx.device)
        request[ADMITTED] = admission.take(ctx.remote, shown)
        return shown

    async def _limit(self, ctx: Ctx, shown: Shown) -> Allowance:
        if ctx.caller:
            return await limits.take(ctx, self._market.per_user, str(ctx.caller.id))
        if holder := holder_of(self._resources.keys, shown):
            return await limits.take(ctx, self._market.per_holder, holder)
        reads = self._route.method == hdrs.METH_GET
        rate = self._market.per_address if reads else self._market.per_address_changes
        return await limits.take(ctx, rate, ctx.remote)

    async def _weigh(self, ctx: Ctx, body: object) -> None:
        if weight := self._route.weight:
            await limits.take(ctx, self._market.messages, str(ctx.user.id), weight.base, weight.rest(body))

    def _arguments(self, request: web.Request) -> dict[str, object]:
        arguments = {
            part.argument: converted(part.type, request.match_info[part.name], part.name)
            for part in self._signature.path
        }
        if self._query_shape:
            arguments["query"] = self._query_shape.convert(_query(request, self._signature.query_lists))
        return arguments

    def _body(self, request: web.Request, raw: bytes, shape: Shape[object]) -> object:
        if not raw and self._signature.body_optional:
            return None
        if self._signature.refresh_token:
            raw = self._cookies.with_refresh_token(request, raw, self._signature.refresh_token)
        if request.content_type not in ("application/json", "application/octet-stream"):
            raise errors.UNSUPPORTED_MEDIA_TYPE.error()
        return shape.decode(raw)

    def _encode(self, result: object) -> Answer[bytes]:
        if result is None:
            return Answer(204, b"")
        answer = result if isinstance(result, Answer) else Answer(0, result)
        status = answer.status or self._route.statuses[0]
        if isinstance(answer.body, Text):
            return Answer(status, answer.body.octets, answer.etag, answer.body.media_type)
        return Answer(status, msgspec.json.encode(answer.body), answer.etag)


async def _read_aside(request: web.Request, most: int = 0) -> bytes:
    """Read a body; while it is still to come, others have the place of the call."""
    place = request.get(PLACE)
    if place is None or request.content.is_eof():
        return await read_body(request, most)
    async with place.left():
        return await read_body(request, most)


@asynccontextmanager
async def _stopped(deadline: asyncio.Timeout) -> AsyncIterator[None]:
    """Stop the time of a call while its client has to send the body: that has a deadline of its own."""
    loop, when = asyncio.get_running_loop(), deadline.when()
    assert when is not None  # noqa: S101 - a call has one
    left = when - loop.time()
    deadline.reschedule(None)
    yield
    deadline.reschedule(loop.time() + left)


def counts_later(route: Route) -> bool:
    """Whether a call counts for the token in its body, so that it is limited once that has been read."""
    return route.who is PUBLIC and bool(signature_of(route).refresh_token)


def later_paths(market: Marketplace) -> list[str]:
    """Return the paths of these calls."""
    return [route.path for route in market.routes if counts_later(route)]


def answered(request: web.Request, answer: Answer[bytes], *, is_shared: bool = False) -> web.Response:
    """Return an answer with its tag, or 304 if the copy of the client is current. `is_shared`: others get the same."""
    if answer.status == 204:
        return web.Response(status=204)
    if answer.status == 304:  # the handler knows without making the answer
        return web.Response(status=304, headers={hdrs.ETAG: answer.etag})
    headers, etag = {hdrs.CONTENT_TYPE: answer.media_type}, answer.etag
    if request.method == hdrs.METH_GET or etag:
        headers[hdrs.ETAG] = etag = etag or body_tag(answer.body)
    # Only of what was answered byte by byte: names and the states of files change without a new version.
    is_of_body = request.method == hdrs.METH_GET and not answer.etag
    if is_of_body and matches(request.headers.get(hdrs.IF_NONE_MATCH, ""), etag):
        return web.Response(status=304, headers={hdrs.ETAG: etag})
    body = Pieces(answer.body) if is_shared else answer.body  # one's own bytes are kept anyway, and count as unread
    return web.Response(body=body, status=answer.status, headers=headers)


@cache
def _shape(type: object | None) -> Shape[object] | None:
    return Shape(type) if type else None


def _query(request: web.Request, lists: frozenset[str]) -> dict[str, object]:
    values: dict[str, object] = dict(request.query)
    for name in lists:
        values[name] = [*request.query.getall(name, ()), *request.query.getall(f"{name}[]", ())]
    return values


def _rate_headers(allowance: Allowance) -> dict[str, str]:
    rate = allowance.rate
    return {
        "RateLimit-Policy": f'"{rate.name}";q={rate.count};w={rate.seconds}',
        "RateLimit": f'"{rate.name}";r={allowance.remaining};t={allowance.reset}',
    }
