"""A row of a marketplace's table becomes an aiohttp handler: authenticate, limit, decode, call, encode."""

import asyncio

import msgspec
from aiohttp import web

from api.address import client_address
from api.auth import caller
from api.middleware import REQUEST_ID, ROUTE
from api.signature import Parameter, signature_of
from core import errors, limits
from core.context import Ctx, Resources
from core.limits import Allowance
from core.market import Answer, Marketplace, Route
from core.publisher import Publisher
from core.validation import as_error

# Longer than any call takes that still has a chance: its client has a database that hangs, not one that is slow.
CALL_SECONDS = 10.0


class Endpoint:
    """One call of one marketplace."""

    def __init__(self, market: Marketplace, route: Route, resources: Resources, publisher: Publisher) -> None:
        self._market = market
        self._route = route
        self._resources = resources
        self._publisher = publisher
        self._signature = signature_of(route)
        self._decode_body = msgspec.json.Decoder(self._signature.body).decode if self._signature.body else None

    async def __call__(self, request: web.Request) -> web.Response:
        """Answer one request; raises AppError."""
        request[ROUTE] = self._route.path
        async with asyncio.timeout(CALL_SECONDS):
            ctx = await self._context(request)
            allowance = await self._limit(ctx)
            arguments = await self._arguments(request)
            result = await self._route.handler(ctx, **arguments)
        response = self._encode(result)
        response.headers.update(_rate_headers(allowance))
        return response

    async def _context(self, request: web.Request) -> Ctx:
        who, market = self._route.who, self._market.name
        return Ctx(
            resources=self._resources,
            publisher=self._publisher,
            market=market,
            request_id=request[REQUEST_ID],
            remote=client_address(request, self._resources.settings.trusted_proxies),
            user_agent=request.headers.get("User-Agent", ""),
            caller=await caller(request, self._resources, market, who) if who else None,
        )

    async def _limit(self, ctx: Ctx) -> Allowance:
        if ctx.caller:
            return await limits.take(ctx, self._market.per_user, str(ctx.caller.id))
        return await limits.take(ctx, self._market.per_address, ctx.remote)

    async def _arguments(self, request: web.Request) -> dict[str, object]:
        arguments = {part.argument: _path_value(part, request.match_info[part.name]) for part in self._signature.path}
        if self._signature.query:
            arguments["query"] = _query(request, self._signature.query)
        if self._decode_body:
            arguments["body"] = await self._body(request)
        return arguments

    async def _body(self, request: web.Request) -> object:
        raw = await request.read()
        if not raw and self._signature.body_optional:
            return None
        if request.content_type not in ("application/json", "application/octet-stream"):
            raise errors.UNSUPPORTED_MEDIA_TYPE.error()
        try:
            assert self._decode_body  # noqa: S101
            return self._decode_body(raw)
        except msgspec.DecodeError as error:
            raise as_error(error) from None
        except (UnicodeDecodeError, RecursionError):
            raise errors.MALFORMED_REQUEST.error("The body is not valid JSON") from None

    def _encode(self, result: object) -> web.Response:
        if result is None:
            return web.Response(status=204)
        status = self._route.statuses[0]
        if isinstance(result, Answer):
            status, result = result.status, result.body
        return web.Response(body=msgspec.json.encode(result), status=status, content_type="application/json")


def _path_value(part: Parameter, text: str) -> object:
    try:
        return msgspec.convert(text, part.type, strict=False)
    except msgspec.ValidationError as error:
        raise errors.VALIDATION_ERROR.error(details=[errors.Detail(part.name, str(error))]) from None


def _query(request: web.Request, type: type[msgspec.Struct]) -> msgspec.Struct:
    try:
        return msgspec.convert(dict(request.query), type, strict=False)
    except msgspec.ValidationError as error:
        raise as_error(error) from None


def _rate_headers(allowance: Allowance) -> dict[str, str]:
    rate = allowance.rate
    return {
        "RateLimit-Policy": f'"{rate.name}";q={rate.count};w={rate.seconds}',
        "RateLimit": f'"{rate.name}";r={allowance.remaining};t={allowance.reset}',
    }
