"""Requests to services of others: bounded in time and size, without redirects, and only to hosts that the caller names.

A host is named as `name` or `name:port`. Only https, but for 127.0.0.1, where stand-ins for tests and development are.
"""

import re
from asyncio import CancelledError, Lock
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

import msgspec
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, hdrs

TIMEOUT: Final = ClientTimeout(total=5.0, connect=2.0)
MOST_BYTES: Final = 256 * 1024  # of an answer; what we ask for has some kilobytes
MOST_CONNECTIONS: Final = 20  # at once, of a process; what waits for one does so within its time
CHUNK: Final = 16 * 1024

# Of documents that are kept. How long one is fresh is its server's to say, within these bounds; an older copy serves while the
# server is away.
LEAST_FRESH, MOST_FRESH, MOST_STALE = 5 * 60.0, 24 * 3600.0, 24 * 3600.0
AGAIN: Final = 30.0  # seconds until one is asked for again before its time, and after a failure
MOST_DOCUMENTS: Final = 32

_MAX_AGE: Final = re.compile(r"\bmax-age=(\d{1,9})\b")


class OutgoingError(Exception):
    """The other service cannot be reached, or does not answer as it should; worth another try."""


class Fetched(msgspec.Struct, frozen=True):
    """An answer, whatever its status."""

    status: int
    body: bytes
    max_age: float  # seconds, as Cache-Control says; 0.0: it does not


@dataclass(slots=True)
class _Document:
    body: bytes | None = None
    fetched_at: float = 0.0
    tried_at: float = float("-inf")
    fresh_until: float = 0.0
    fetching: Lock = field(default_factory=Lock)


class Outgoing:
    """What a process asks of others."""

    def __init__(self, http: ClientSession) -> None:
        self._http = http
        self._documents: dict[str, _Document] = {}

    async def get(
        self,
        url: str,
        hosts: Collection[str],
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fetched:
        """Return the answer to a GET; raises OutgoingError."""
        return await self._fetch(hdrs.METH_GET, url, hosts, query, None, headers)

    async def post(
        self, url: str, hosts: Collection[str], form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Fetched:
        """Return the answer to a form that is posted; raises OutgoingError."""
        return await self._fetch(hdrs.METH_POST, url, hosts, None, form, headers)

    async def document(self, url: str, hosts: Collection[str], *, anew: bool = False) -> bytes:
        """Return a document that hardly changes, mostly without asking; `anew`: the copy lacks what it should have.

        Of many callers at once one asks, and nobody more often than every AGAIN seconds. Raises OutgoingError.
        """
        kept = self._kept(url)
        async with kept.fetching:
            now = monotonic()
            if (anew or now >= kept.fresh_until) and now - kept.tried_at >= AGAIN:
                await self._renew(kept, url, hosts, now)
            if kept.body is None or now - kept.fetched_at > MOST_STALE:
                raise OutgoingError(f"{urlsplit(url).netloc} did not give its document")
            return kept.body

    def _kept(self, url: str) -> _Document:
        if url not in self._documents and len(self._documents) >= MOST_DOCUMENTS:
            del self._documents[next(iter(self._documents))]
        return self._documents.setdefault(url, _Document())

    async def _renew(self, kept: _Document, url: str, hosts: Collection[str], now: float) -> None:
        kept.tried_at = now
        try:
            fetched = await self.get(url, hosts)
        except OutgoingError:
            return  # the copy has to do
        except CancelledError:
            kept.tried_at = float("-inf")  # its client has gone, which says nothing of the server
            raise
        if fetched.status == 200:
            kept.body, kept.fetched_at = fetched.body, now
            kept.fresh_until = now + min(max(fetched.max_age, LEAST_FRESH), MOST_FRESH)

    async def _fetch(
        self,
        method: str,
        url: str,
        hosts: Collection[str],
        query: Mapping[str, str] | None,
        form: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> Fetched:
        if not is_allowed(url, hosts):
            raise OutgoingError(f"{urlsplit(url).netloc} is not a host to ask")
        try:
            asked = self._http.request(method, url, params=query, data=form, headers=headers, allow_redirects=False)
            async with asked as response:
                return Fetched(response.status, await _read(response), _max_age(response))
        except (ClientError, TimeoutError, ValueError) as error:
            # Neither the URL nor what was sent: both have secrets in them.
            raise OutgoingError(f"{urlsplit(url).netloc}: {type(error).__name__}") from None


def is_allowed(url: str, hosts: Collection[str]) -> bool:
    """Say whether a URL leads to one of these hosts, encrypted or within this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname == "127.0.0.1")
    return is_safe and parts.netloc in hosts


async def _read(response: ClientResponse) -> bytes:
    if response.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise ValueError  # not asked for, and nobody knows how much it becomes
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > MOST_BYTES:
            raise ValueError
    return bytes(body)


def _max_age(response: ClientResponse) -> float:
    found = _MAX_AGE.search(response.headers.get(hdrs.CACHE_CONTROL, ""))
    return float(found[1]) if found else 0.0


@asynccontextmanager
async def open_outgoing() -> AsyncIterator[Outgoing]:
    """Open what a process asks others with."""
    async with ClientSession(
        timeout=TIMEOUT,
        cookie_jar=DummyCookieJar(),
        connector=TCPConnector(limit=MOST_CONNECTIONS),
        auto_decompress=False,
        headers={hdrs.ACCEPT: "application/json", hdrs.ACCEPT_ENCODING: "identity", hdrs.USER_AGENT: "greenroom"},
    ) as http:
        yield Outgoing(http)
