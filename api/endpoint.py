"""A row of a marketplace's table becomes an aiohttp handler: authenticate, limit, decode, call, encode."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import msgspec
from aiohttp import hdrs, web

from api import multipart
from api.admission import ADDRESS, ADMITTED
from api.auth import caller
from api.body import read_body
from api.cookies import Cookies, wanted, without_tokens
from api.middleware import NO_STORE, REQUEST_ID, REVALIDATED, ROUTE
from api.signature import Parameter, signature_of
from core import errors, idempotency, limits, logs
from core.context import Ctx, Resources
from core.csrf import CsrfToken
from core.errors import AppError
from core.etag import body_tag, matches
from core.limits import Allowance
from core.market import JSON, PUBLIC, Answer, JsonFile, Marketplace, Route, Text
from core.publisher import Publisher
from core.sessions import Tokens
from core.validation import as_error

# Longer than any call takes that still has a chance: its client has a database that hangs, not one that is slow.
CALL_SECONDS = 10.0
# Files may come over slow lines.
UPLOAD_SECONDS = 1800.0


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
        self._decode_body = msgspec.json.Decoder(self._signature.body).decode if self._signature.body else None

    async def __call__(self, request: web.Request) -> web.Response:
        """Answer one request; raises AppError."""
        request[ROUTE] = self._route.path
        brings_files = bool(self._route.uploads) and request.content_type == "multipart/form-data"
        async with asyncio.timeout(UPLOAD_SECONDS if brings_files else CALL_SECONDS) as deadline:
            ctx = await self._identified(request, self._context(request))
            logs.identify(ctx.market, str(ctx.caller.id) if ctx.caller else "")
            allowance = await self._limit(ctx)
            if ctx.caller:
                request[ADMITTED].give_back()
            response = await (self._answer_files if brings_files else self._answer)(request, ctx, deadline)
        response.headers.update(_rate_headers(allowance))
        response.headers[hdrs.CACHE_CONTROL] = REVALIDATED if self._may_be_kept else NO_STORE
        return response

    async def _answer(self, request: web.Request, ctx: Ctx, deadline: asyncio.Timeout) -> web.Response:
        arguments = self._arguments(request)
        async with _stopped(deadline):
            raw = await read_body(request)
        if self._decode_body:
            arguments["body"] = self._body(request, raw)
        return await self._call(request, ctx, arguments, raw)

    async def _answer_files(self, request: web.Request, ctx: Ctx, _deadline: asyncio.Timeout) -> web.Response:
        arguments = self._arguments(request)
        async with (
            multipart.reading(request, ctx, self._market, self._route) as form,
            multipart.uploading(ctx, form, self._signature.body) as body,
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
        response = answered(request, self._encode(shown))
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
            user = await caller(request, self._resources, self._market.name, self._route.who)
        except AppError:
            await limits.take(ctx, self._market.per_address, ctx.remote)
            raise
        return replace(ctx, caller=user)

    async def _limit(self, ctx: Ctx) -> Allowance:
        if ctx.caller:
            return await limits.take(ctx, self._market.per_user, str(ctx.caller.id))
        return await limits.take(ctx, self._market.per_address, ctx.remote)

    async def _weigh(self, ctx: Ctx, body: object) -> None:
        if weight := self._route.weight:
            await limits.take(ctx, self._market.messages, str(ctx.user.id), weight.base, weight.rest(body))

    def _arguments(self, request: web.Request) -> dict[str, object]:
        arguments = {part.argument: _path_value(part, request.match_info[part.name]) for part in self._signature.path}
        if self._signature.query:
            arguments["query"] = _query(request, self._signature.query, self._signature.query_lists)
        return arguments

    def _body(self, request: web.Request, raw: bytes) -> object:
        if not raw and self._signature.body_optional:
            return None
        if self._signature.refresh_token:
            raw = self._cookies.with_refresh_token(request, raw, self._signature.refresh_token)
        if request.content_type not in ("application/json", "application/octet-stream"):
            raise errors.UNSUPPORTED_MEDIA_TYPE.error()
        try:
            assert self._decode_body  # noqa: S101
            return self._decode_body(raw)
        except msgspec.DecodeError as error:
            raise as_error(error) from None
        except (UnicodeDecodeError, RecursionError):
            raise errors.MALFORMED_REQUEST.error("The body is not valid JSON") from None

    def _encode(self, result: object) -> Answer[bytes]:
        if result is None:
            return Answer(204, b"")
        answer = result if isinstance(result, Answer) else Answer(0, result)
        status = answer.status or self._route.statuses[0]
        if isinstance(answer.body, Text):
            return Answer(status, answer.body.text.encode(), answer.etag, answer.body.media_type)
        return Answer(status, msgspec.json.encode(answer.body), answer.etag)


@asynccontextmanager
async def _stopped(deadline: asyncio.Timeout) -> AsyncIterator[None]:
    """Stop the time of a call while its client has to send the body: that has a deadline of its own."""
    loop, when = asyncio.get_running_loop(), deadline.when()
    assert when is not None  # noqa: S101 - a call has one
    left = when - loop.time()
    deadline.reschedule(None)
    yield
    deadline.reschedule(loop.time() + left)


def answered(request: web.Request, answer: Answer[bytes]) -> web.Response:
    """Return an answer with its tag, or 304 to who has it already."""
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
    return web.Response(body=answer.body, status=answer.status, headers=headers)


def _path_value(part: Parameter, text: str) -> object:
    try:
        return msgspec.convert(text, part.type, strict=False)
    except msgspec.ValidationError as error:
        raise errors.invalid(part.name, str(error)) from None


def _query(request: web.Request, type: type[msgspec.Struct], lists: frozenset[str]) -> msgspec.Struct:
    values: dict[str, object] = dict(request.query)
    for name in lists:
        values[name] = [*request.query.getall(name, ()), *request.query.getall(f"{name}[]", ())]
    try:
        return msgspec.convert(values, type, strict=False)
    except msgspec.ValidationError as error:
        raise as_error(error) from None


def _rate_headers(allowance: Allowance) -> dict[str, str]:
    rate = allowance.rate
    return {
        "RateLimit-Policy": f'"{rate.name}";q={rate.count};w={rate.seconds}',
        "RateLimit": f'"{rate.name}";r={allowance.remaining};t={allowance.reset}',
    }
