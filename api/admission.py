"""Requests of one address to this process, counted before any work: before a token is verified or the database asked.

A request of an authenticated user is counted for the user instead (core/limits.py) and given back to the address, which many may
share. All others stay counted: pages, files, public calls, and failures such as wrong tokens and ended sessions.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from math import ceil

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from api.cookies import shown_token
from api.lanes import SHARE, Lanes
from api.middleware import answer
from core.address import AddressBuckets, client_address, subject
from core.budget import Buckets, Rate
from core.context import Resources
from core.errors import AppError
from core.limits import RateLimitedError

REQUESTS = Rate("requests", 1200, 60)  # of one address and process


@dataclass(frozen=True, slots=True)
class Admitted:
    """One request that was counted; `give_back` undoes that and is called once at most."""

    give_back: Callable[[], None]


class Admission:
    """The budgets of all addresses in one process."""

    def __init__(self, resources: Resources) -> None:
        self._settings = resources.settings
        self._keys = resources.keys
        self._offenders = resources.offenders
        self._addresses = AddressBuckets(REQUESTS)
        self._users = Buckets(REQUESTS)
        self._lanes = Lanes(max(1, resources.settings.database_pool // SHARE))
        self._guarded: frozenset[web.AbstractResource] = frozenset()

    def guard(self, resources: Iterable[web.AbstractResource]) -> None:
        """Count requests for these and for unknown paths; health, operators and the engine have limits of their own."""
        self._guarded = frozenset(resources)

    def middleware(self) -> Middleware:
        """Return the middleware, the first of all."""

        @web.middleware
        async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                self._let_in(request)
            except AppError as error:
                response = answer(error)
                response.force_close()  # with all that the client has sent ahead
                return response
            return await handler(request)

        return admit

    def _let_in(self, request: web.Request) -> None:
        resource = request.match_info.route.resource
        request[ADDRESS] = address = address_of(request, self._settings.trusted_proxies)
        if resource is None or resource in self._guarded:
            request[ADMITTED] = self.take(address, shown_token(request))

    def take(self, address: str, token: str = "") -> Admitted:
        """Count one request; raise RateLimitedError.

        When an address has nothing left, a request with a token that we have signed is counted for its user, so that strangers at
        the same address do not lock users out. This does not need the database.
        """
        now = time.monotonic()
        if self._settings.rate_limits == "off" or (wait := self._addresses.take(address, now)) <= 0:
            return Admitted(partial(self._addresses.charge, address, now, -1.0))
        if (user := self._signed(token)) and self._users.take(user, now) <= 0:
            return Admitted(partial(self._users.of(user, now).charge, now, -1.0))
        self._offenders.limited(REQUESTS.name, user or subject(address))
        raise RateLimitedError(ceil(wait))

    def under_way(self, request: web.Request) -> AbstractAsyncContextManager[None]:
        """Count a call for its address as long as it is under way, or for its user if others there have all that it may have."""
        if self._settings.rate_limits == "off":
            return nullcontext()
        client = subject(request[ADDRESS])
        return self._lanes.under_way((self._lanes.is_full(client) and self.user_of(request)) or client)

    def user_of(self, request: web.BaseRequest) -> str:
        """Return the user whose valid token a request shows, "" if it shows none."""
        return self._signed(shown_token(request))

    def _signed(self, token: str) -> str:
        try:
            return str(self._keys.access(token).user_id)
        except AppError:
            return ""


ADDRESS = web.RequestKey("address", str)
ADMITTED = web.RequestKey("admitted", Admitted)
ADMISSION = web.AppKey("admission", Admission)


def address_of(request: web.Request, proxies: tuple[str, ...]) -> str:
    """Return where a request comes from."""
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", []))
    return client_address(request.remote or "", forwarded, proxies)
