"""Turns a route of a marketplace into an aiohttp handler: authenticate, limit, decode, call, encode."""

import asyncio
from contextlib import nullcontext
from dataclasses import replace

from aiohttp import hdrs, web

from api.admission import ADMISSION, ADMITTED
from api.auth import caller, key_holder
from api.calls.answering import answered, encoded, rate_headers
from api.calls.arguments import Arguments
from api.calls.body import PLACE, RAW, read_aside, stopped
from api.calls.caching import Caching
from api.calls.call_translation import call_translation
from api.calls.charging import Charging
from api.calls.fixed import Fixed
from api.calls.signature import signature_of
from api.cookies import Cookies, without_tokens
from api.files import multipart
from api.middleware import ADDRESS, NO_STORE, REQUEST_ID, REVALIDATED, ROUTE
from core.accounts.csrf import CsrfToken
from core.accounts.sessions import Tokens
from core.base.answers import JSON, Answer, JsonFile, RawBody, Text
from core.base.errors import AppError
from core.base.publisher import Publisher
from core.market.market import PUBLIC, Marketplace, Route
from core.platform.observability import logs
from core.verification.requests import require_verified
from core.work import idempotency
from core.work.context import Ctx, Resources

# Longer than any successful call: past this, the database hangs rather than being slow.
CALL_SECONDS = 10.0
# Files may be uploaded over slow connections.
UPLOAD_SECONDS = 1800.0


class Endpoint:
    """One call of one marketplace."""

    def __init__(self, market: Marketplace, route: Route, resources: Resources, publisher: Publisher) -> None:
        self._market = market
        self._route = route
        self._resources = resources
        self._publisher = publisher.of(market.name)
        self._signature = signature_of(route)
        self._cookies = Cookies(market, resources)
        self._translation = call_translation(market, self._signature)
        self._arguments = Arguments(market.policy, self._signature, self._translation, self._cookies)
        self._charging = Charging(market, route, self._arguments)
        # Answers to authenticated calls are personal, unless they are shared. Clients may still revalidate their own copy with
        # If-None-Match.
        is_public = (route.method, route.who) == ("GET", PUBLIC) and self._signature.answer is not CsrfToken
        self._may_be_kept = is_public or route.cache is not None
        self._fixed = Fixed(market, route)
        self._caching = Caching(market, route, route.cache, resources) if route.cache else None

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
            logs.identify(ctx.policy.name, str(ctx.caller.id) if ctx.caller else "")
            allowance = await self._charging.take(request, ctx)
            if ctx.caller:
                request[ADMITTED].give_back()
            if self._route.verified:
                await require_verified(ctx, self._route.verified)
            try:
                response = await (self._answer_files if brings_files else self._answer)(request, ctx, deadline)
            except AppError as error:
                raise (self._translation.error(error) if self._translation else error) from error.__cause__
        response.headers.update(rate_headers(allowance))
        response.headers[hdrs.CACHE_CONTROL] = REVALIDATED if self._may_be_kept else NO_STORE
        return response

    async def _answer(self, request: web.Request, ctx: Ctx, deadline: asyncio.Timeout) -> web.Response:
        arguments = self._arguments.placed(request)
        raw = request.get(RAW)
        if raw is None:
            async with stopped(deadline):
                raw = await read_aside(request)
        if self._signature.raw:
            arguments["raw"] = RawBody(raw, request.headers)
        elif self._signature.body:
            place, raw = dict(arguments), self._arguments.ours(raw)
            arguments["body"] = self._arguments.body(request, raw)
            await self._fixed.check(ctx, place, raw)
        return await self._call(request, ctx, arguments, raw)

    async def _answer_files(self, request: web.Request, ctx: Ctx, _deadline: asyncio.Timeout) -> web.Response:
        arguments = self._arguments.placed(request)
        async with (
            multipart.reading(request, ctx, self._market, self._route) as form,
            multipart.uploading(ctx, form, self._arguments) as body,
        ):
            return await self._call(request, ctx, arguments | {"body": body}, form.digest)

    async def _call(self, request: web.Request, ctx: Ctx, arguments: dict[str, object], content: bytes) -> web.Response:
        await self._charging.weigh(ctx, arguments.get("body"))
        if ctx.idempotency_key and self._route.keeps_answer:
            return await self._call_once(request, ctx, arguments, content)
        if self._caching:
            return await self._call_shared(request, ctx, arguments, self._caching)
        result = await self._route.handler(ctx, **arguments)
        if isinstance(result, JsonFile):
            file = await result.write(self._market.dialect.name)
            if self._translation:
                file = await asyncio.to_thread(self._translation.file, file)
            return web.Response(body=file, content_type=JSON)
        shown = without_tokens(result) if isinstance(result, Tokens) and self._cookies.wanted(request) else result
        is_shared = isinstance(result, Answer) and isinstance(result.body, Text)
        response = answered(request, self._shown(self._encode(shown)), is_shared=is_shared)
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
        response = answered(request, self._shown(answer))
        if is_repeat:
            response.headers["Idempotency-Replayed"] = "true"
        return response

    async def _call_shared(
        self, request: web.Request, ctx: Ctx, arguments: dict[str, object], caching: Caching
    ) -> web.Response:
        shared = caching.ctx(ctx, request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))

        async def make() -> Answer[bytes]:
            return self._shown(self._encode(await self._route.handler(shared, **arguments)))

        answer, age = await caching.answer(shared, arguments, make)
        response = answered(request, answer)
        response.headers[hdrs.AGE] = str(age)
        if shared.language:
            response.headers.add(hdrs.VARY, hdrs.ACCEPT_LANGUAGE)
        return response

    def _context(self, request: web.Request) -> Ctx:
        return Ctx(
            resources=self._resources,
            publisher=self._publisher,
            policy=self._market.policy,
            request_id=request[REQUEST_ID],
            remote=request[ADDRESS],
            user_agent=request.headers.get("User-Agent", ""),
            device=self._cookies.device(request),
            flow_secret=self._cookies.flow_secret(request),
            access_token=self._cookies.credential(request).token,
            idempotency_key=request.headers.get("Idempotency-Key", ""),
            if_match=request.headers.get(hdrs.IF_MATCH, ""),
            if_none_match=request.headers.get(hdrs.IF_NONE_MATCH, ""),
        )

    async def _identified(self, request: web.Request, ctx: Ctx) -> Ctx:
        """Return the context with the caller, if the route is for users; a failure counts for its address."""
        if not self._route.who:
            return ctx
        try:
            user = await key_holder(request, ctx, self._route) or await caller(
                request, self._cookies, self._resources, self._market.name, self._route.who
            )
        except AppError:
            await self._charging.take_failure(ctx)
            raise
        return replace(ctx, caller=user)

    def _encode(self, result: object) -> Answer[bytes]:
        return encoded(result, self._route.statuses[0])

    def _shown(self, answer: Answer[bytes]) -> Answer[bytes]:
        return self._translation.answer(answer) if self._translation else answer
