"""What one address may ask of this process, counted before anything is done: no token is verified, no database asked.

Who turns out to be a user is counted as one instead (core/limits.py), and her address gets back what she took: there may be many
behind it. All else stays counted: pages, files, public calls, and what fails, such as wrong tokens and ended sessions.
"""

import logging
import time
from collections.abc import Iterable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from api.cookies import shown_token
from api.middleware import answer
from core.address import client_address, masked
from core.budget import Buckets, Rate
from core.context import Resources
from core.errors import AppError
from core.limits import RateLimitedError

REQUESTS = Rate("requests", 1200, 60)  # of one address and process
LINES = Rate("lines", 1, 60)  # in the log, of one address

log = logging.getLogger(__name__)


class Admission:
    """The budgets of all addresses in one process."""

    def __init__(self, resources: Resources) -> None:
        self._settings = resources.settings
        self._keys = resources.keys
        self._buckets = Buckets(REQUESTS)
        self._lines = Buckets(LINES)
        self._guarded: frozenset[web.AbstractResource] = frozenset()
        self._refused = 0
        resources.metrics.count(
            "greenroom_http_refused", "Requests refused because their address asks too much", lambda: self._refused
        )

    def guard(self, resources: Iterable[web.AbstractResource]) -> None:
        """Count requests for these, and for what is not there; others answer for themselves: health, operators, the engine."""
        self._guarded = frozenset(resources)

    def middleware(self) -> Middleware:
        """Return what each request passes first."""

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

    def take(self, address: str, token: str = "") -> str:
        """Count one request and return for whom; raise RateLimitedError.

        Strangers at an address do not lock out its users: when it has nothing left, who shows a token that we have signed has a
        budget of her own. That asks no database yet.
        """
        if self._settings.rate_limits == "off":
            return address
        now = time.monotonic()
        wait = self._buckets.take(address, now)
        if wait > 0 and (user := self._signed(token)) and self._buckets.take(user, now) <= 0:
            return user
        if wait > 0:
            self._refused += 1
            if self._lines.take(address, now) <= 0:
                log.warning("%s asks too much: it is refused for now", masked(address))
            raise RateLimitedError(int(wait) + 1)
        return address

    def give_back(self, subject: str) -> None:
        """Put back what `take` took."""
        now = time.monotonic()
        self._buckets.of(subject, now).charge(now, -1)

    def _signed(self, token: str) -> str:
        try:
            return str(self._keys.access(token).user_id)
        except AppError:
            return ""


ADDRESS = web.RequestKey("address", str)
ADMITTED = web.RequestKey("admitted", str)  # the subject that was counted; unset: nobody was
ADMISSION = web.AppKey("admission", Admission)


def address_of(request: web.Request, proxies: tuple[str, ...]) -> str:
    """Return where a request comes from."""
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", []))
    return client_address(request.remote or "", forwarded, proxies)
