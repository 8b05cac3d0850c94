"""Charges a call to its user, to the token that it presents, or to its address; and charges its weight."""

from contextlib import suppress

from aiohttp import hdrs, web

from api.admission import ADMISSION, ADMITTED
from api.calls.arguments import Arguments
from api.calls.body import RAW, read_aside
from api.calls.signature import signature_of
from api.shown import Shown, holder_of
from core.base.errors import AppError
from core.market.market import PUBLIC, Marketplace, Route
from core.work import rate_limits as limits
from core.work.context import Ctx
from core.work.rate_limits import Allowance

# The largest body of a call whose token is in the body, and which is admitted after reading it.
MOST_REFRESH = 8 * 1024


class Charging:
    """The limits of one call."""

    def __init__(self, market: Marketplace, route: Route, arguments: Arguments) -> None:
        self._market = market
        self._route = route
        self._arguments = arguments
        self._counts_later = counts_later(route)

    async def take(self, request: web.Request, ctx: Ctx) -> Allowance:
        """Count the call; raises RATE_LIMITED."""
        shown = await self._shown(request, ctx)
        if ctx.caller:
            return await limits.take(ctx, self._market.policy.per_user, str(ctx.caller.id))
        if holder := holder_of(ctx.resources.keys, shown):
            return await limits.take(ctx, self._market.policy.per_holder, holder)
        reads = self._route.method == hdrs.METH_GET
        rate = self._market.policy.per_address if reads else self._market.policy.per_address_changes
        return await limits.take(ctx, rate, ctx.remote)

    async def take_failure(self, ctx: Ctx) -> None:
        """Count a call with an invalid credential as a public call of its address; raises RATE_LIMITED."""
        await limits.take(ctx, self._market.policy.per_address, ctx.remote)

    async def weigh(self, ctx: Ctx, body: object) -> None:
        """Charge the weight of the call (its effect on others) to the caller's `messages`; raises RATE_LIMITED."""
        if weight := self._route.weight:
            await limits.take(ctx, self._market.policy.messages, str(ctx.user.id), weight.base, weight.rest(body))

    async def _shown(self, request: web.Request, ctx: Ctx) -> Shown:
        """Return the tokens of a call. If one is in the body, read the body first, and admit the call after that."""
        if not self._counts_later:
            return Shown(ctx.access_token, device=ctx.device)
        admission, refresh = request.app[ADMISSION], ""
        try:
            request[RAW] = raw = await read_aside(request, MOST_REFRESH)
        except AppError:
            admission.take(ctx.remote)
            await limits.take(ctx, self._market.policy.per_address_changes, ctx.remote)
            raise
        with suppress(AppError):  # reported after the call has been counted
            body = self._arguments.body(request, self._arguments.ours(raw))
            refresh = getattr(body, "refresh_token", "")
        shown = Shown(ctx.access_token, refresh, ctx.device)
        request[ADMITTED] = admission.take(ctx.remote, shown)
        return shown


def counts_later(route: Route) -> bool:
    """Whether a call is charged to a token in its body, so that it is limited only after reading it."""
    return route.who is PUBLIC and bool(signature_of(route).refresh_token)
