"""Limits requests per address and process, before any work: before a token is verified or the database is asked.

A request of an authenticated user is charged to the user instead (core/work/rate_limits.py) and given back to the address, which
many users may share. All others stay charged: pages, files, public calls, and failures such as wrong tokens and ended sessions.
"""

import time
from collections.abc import Callable, Container, Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from math import ceil

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from api.cookies import shown_by
from api.error_answers import CORE, FORMS, answer
from api.lanes import SHARE, Lanes, Place
from api.middleware import ADDRESS
from api.shown import NOTHING, Shown, holder_of
from core.base.errors import AppError
from core.limits.address import AddressBuckets, client_address, subject
from core.limits.budget import NestedBuckets, Rate
from core.work.context import Resources
from core.work.rate_limits import RateLimitedError

REQUESTS = Rate("requests", 1200, 60)  # of one address and process


@dataclass(frozen=True, slots=True)
class Admitted:
    """A counted request; `give_back` undoes the counting and is called at most once."""

    give_back: Callable[[], None]


class Admission:
    """The budgets of all addresses in one process."""

    def __init__(self, resources: Resources) -> None:
        self._settings = resources.settings
        self._keys = resources.keys
        self._offenders = resources.offenders
        self._addresses = AddressBuckets(REQUESTS)
        self._holders = NestedBuckets(REQUESTS)
        self._lanes = Lanes(max(1, resources.settings.database_pool // SHARE))
        self._guarded: frozenset[web.AbstractResource] = frozenset()

    def guard(self, resources: Iterable[web.AbstractResource], later: Container[str] = ()) -> None:
        """Count requests to these routes and to unknown paths; probes, operators and the engine have their own limits.

        `later`: paths of calls that are counted only after reading the token in their body.
        """
        self._guarded = frozenset(resource for resource in resources if resource.canonical not in later)

    def middleware(self) -> Middleware:
        """Return the middleware, the first of all."""

        @web.middleware
        async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                self._let_in(request)
            except AppError as error:
                forms = request.app.get(FORMS)
                response = answer(error, writer=forms.of(request.path) if forms else CORE)
                response.force_close()  # and discard pipelined requests
                return response
            return await handler(request)

        return admit

    def _let_in(self, request: web.Request) -> None:
        resource = request.match_info.route.resource
        request[ADDRESS] = address = address_of(request, self._settings.trusted_proxies)
        if resource is None or resource in self._guarded:
            request[ADMITTED] = self.take(address, shown_by(request))

    def take(self, address: str, shown: Shown = NOTHING) -> Admitted:
        """Count one request; raise RateLimitedError.

        If the rate of the address is used up, a request with a token that we signed is charged to the token and its user, so that
        strangers at the same address cannot lock users out. This does not need the database.
        """
        now = time.monotonic()
        if self._settings.rate_limits == "off" or (wait := self._addresses.take(address, now)) <= 0:
            return Admitted(partial(self._addresses.charge, address, now, -1.0))
        holder = holder_of(self._keys, shown)
        if holder and self._holders.take(holder, now) <= 0:
            return Admitted(partial(self._holders.charge, holder, now, -1.0))
        self._offenders.limited(REQUESTS.name, holder[-1][0] if holder else subject(address))
        raise RateLimitedError(ceil(wait))

    def under_way(self, request: web.Request) -> AbstractAsyncContextManager[Place | None]:
        """Count a concurrent call for its address while it runs, or for its user if the address has no place left."""
        if self._settings.rate_limits == "off":
            return nullcontext()
        client = subject(request[ADDRESS])
        return self._lanes.under_way((self._lanes.is_full(client) and self.user_of(request)) or client)

    def user_of(self, request: web.BaseRequest) -> str:
        """Return the user of a request's token if we signed it; else ""."""
        holder = holder_of(self._keys, shown_by(request))
        return holder[-1][0] if holder else ""


ADMITTED = web.RequestKey("admitted", Admitted)
ADMISSION = web.AppKey("admission", Admission)


def address_of(request: web.Request, proxies: tuple[str, ...]) -> str:
    """Return the client's address."""
    lines = request.headers.getall("X-Forwarded-For", None)
    return client_address(request.remote or "", None if lines is None else ",".join(lines), proxies)
