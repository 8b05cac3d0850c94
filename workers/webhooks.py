"""Delivers webhooks: over connections to the internet only, each bounded in time and size.

It waits for receivers beside the worker's jobs, whose places it does not take. A receiver that is slow holds up what is delivered
to it, and one of MOST places.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from time import monotonic
from typing import Final, TypeAlias
from uuid import UUID

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, hdrs
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client import ClientResponse

import marketplaces
from core.base import clock, hosts
from core.base.answers import JSON
from core.base.ids import BigintIds
from core.base.publisher import Publisher
from core.market.market import Marketplace
from core.market.translation import Translation, Turn
from core.platform.db import UNAVAILABLE_ERRORS
from core.platform.observability import logs
from core.webhooks import deliveries, signing
from core.webhooks.deliveries import Attempt, Delivery, Endpoint
from core.work.context import Ctx, Resources
from core.work.rules import required
from realtime.concurrency.tasks import Tasks

TIMEOUT: Final = ClientTimeout(total=10.0, connect=5.0)
MOST: Final = 50  # endpoints that one worker delivers to at once
TURN_SECONDS: Final = 15.0  # of an endpoint, before others have theirs
EXCERPT: Final = 500  # bytes of an answer; the rest is not read
HEADERS: Final = {hdrs.USER_AGENT: "greenroom-webhooks", hdrs.ACCEPT_ENCODING: "identity", hdrs.CONTENT_TYPE: JSON}
OUTCOMES: Final = {"delivered": "done", "pending": "retried", "failed": "failed"}  # as jobs have them

# Where a name leads: family, kind, protocol, canonical name, address and port.
Place: TypeAlias = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[str | int, ...]]

log = logging.getLogger(__name__)


class Webhooks:
    """What one worker delivers."""

    def __init__(self, resources: Resources, publisher: Publisher, http: ClientSession) -> None:
        self._resources = resources
        self._publisher = publisher
        self._http = http
        self.tasks = Tasks()
        self._taking = asyncio.Lock()
        self._busy = 0
        self._turns: dict[tuple[str, str], Turn | None] = {}
        for outcome in OUTCOMES.values():  # Prometheus sees no increase in a counter that appears at 1
            resources.metrics.jobs.labels("Webhook", outcome)

    async def deliver(self, endpoint_ids: list[UUID] | None = None) -> None:
        """Begin to deliver what is due, to some endpoints or to all; what finds no place has to wait for the next call."""
        async with self._taking:
            now, free = clock.now(), MOST - self._busy
            markets = [name for name, market in marketplaces.ALL.items() if market.policy.webhooks]
            until = now + deliveries.LEASE
            for endpoint in await deliveries.TAKE(self._resources.db, now, until, free, markets, endpoint_ids):
                self._busy += 1
                self.tasks.spawn(self._serve(endpoint))

    async def _serve(self, endpoint: Endpoint) -> None:
        try:
            try:
                await self._take_turn(endpoint)
            finally:
                self._busy -= 1
            was_full = self._busy == MOST - 1
            await self.deliver(None if was_full else [endpoint.id])
        except UNAVAILABLE_ERRORS as error:
            log.warning("webhooks are delivered later: %r", error)

    async def _take_turn(self, endpoint: Endpoint) -> None:
        db, market = self._resources.db, endpoint.market
        ctx = Ctx(self._resources, self._publisher.of(market), marketplaces.policy_of(market), logs.request_id())
        until, goes_on = monotonic() + TURN_SECONDS, True
        while goes_on and (delivery := await deliveries.NEXT(db, endpoint.id, clock.now())):
            attempt = await self._attempt(ctx, endpoint, delivery)
            status = await deliveries.record(ctx, endpoint, delivery, attempt)
            self._resources.metrics.jobs.labels("Webhook", OUTCOMES[status]).inc()
            goes_on = monotonic() < until and not attempt.is_away
        await deliveries.RELEASE(db, endpoint.id, clock.now())

    async def _attempt(self, ctx: Ctx, endpoint: Endpoint, delivery: Delivery) -> Attempt:
        id, body = self._message(endpoint.market, delivery)
        secrets = [secret for secret in (endpoint.secret, endpoint.former_secret) if secret]
        keys = [signing.key_of(ctx, endpoint.id, secret) for secret in secrets]
        at, began = clock.now(), monotonic()
        headers = HEADERS | signing.headers(id, at, body, keys)
        status, error, answer = None, "", b""
        try:
            async with self._http.post(endpoint.url, data=body, headers=headers, allow_redirects=False) as response:
                status = response.status
                answer = await _beginning(response)
        except (ClientError, OSError, ValueError) as failure:  # a timeout is an OSError
            error = type(failure).__name__
        said = answer.decode(errors="replace").replace("\0", "")
        return Attempt(at, status, error, said, round((monotonic() - began) * 1000))

    def _message(self, market: str, delivery: Delivery) -> tuple[str, bytes]:
        """Return the id and the body of a delivery, as the clients of its marketplace know ids and names."""
        (manifest,) = marketplaces.configured((market,))
        turn = self._turn(manifest, delivery.event)
        data = msgspec.json.decode(delivery.data)
        body = {"type": delivery.event, "timestamp": delivery.created_at, "data": turn(data) if turn else data}
        id = str(delivery.id)
        return BigintIds(market).shown(id) if manifest.dialect.bigint_ids else id, msgspec.json.encode(body)

    def _turn(self, manifest: Marketplace, event: str) -> Turn | None:
        """Return the translator of an event, which is compiled once."""
        key = manifest.name, event
        if key not in self._turns:
            kind = required(manifest.policy.webhooks).struct_of(event)
            translation = Translation(manifest.dialect, manifest.name, incoming=False)
            self._turns[key] = translation.of(kind) if kind else None
        return self._turns[key]


async def _beginning(response: ClientResponse) -> bytes:
    answer = b""
    while len(answer) < EXCERPT and (piece := await response.content.read(EXCERPT - len(answer))):
        answer += piece
    return answer


class _Names(AbstractResolver):
    """Looks names up in threads of its own: a name server that does not answer holds up no mails and files."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MOST, "names of webhooks")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return where a name leads; raises OSError."""
        look_up = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=str(place[0]), port=port, family=kind, proto=protocol, flags=numeric)
            for kind, _, protocol, _, place in found
        ]

    async def close(self) -> None:
        """Leave the threads to what they wait for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@asynccontextmanager
async def open_webhooks(
    resources: Resources, publisher: Publisher, may_connect: Callable[[str], bool] = hosts.may_connect
) -> AsyncIterator[Webhooks]:
    """Deliver webhooks for the duration of the block, to addresses that `may_connect` allows."""

    def connecting(place: Place) -> socket.socket:
        # Here, and not when the name is looked up: a name may lead elsewhere the next time, and an address has no name.
        if not may_connect(str(place[4][0])):
            raise OSError(errno.EACCES, "not an address of the internet")
        return socket.socket(*place[:3])

    names = _Names()
    async with ClientSession(
        timeout=TIMEOUT,
        cookie_jar=DummyCookieJar(),
        connector=TCPConnector(limit=MOST, resolver=names, socket_factory=connecting),
        auto_decompress=False,
    ) as http:
        webhooks = Webhooks(resources, publisher, http)
        try:
            yield webhooks
        finally:
            await webhooks.tasks.stop()
            await names.close()
