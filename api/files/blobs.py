"""Uploads and downloads of files, by signed links and by permanent addresses; proxied from S3, or redirected to it."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector, hdrs, web
from yarl import URL

from api.auth import caller
from api.cookies import Cookies
from api.files.transfers import Transfers
from api.middleware import ROUTE
from core.base import errors
from core.base.errors import AppError
from core.files import table
from core.files.kinds.media import canonical, stored_as
from core.files.kinds.purposes import purpose_named
from core.files.links import (
    DOWNLOAD_PATH,
    FOLLOWED_SECONDS,
    SHOWN_SECONDS,
    UPLOAD_PATH,
    Variant,
    disposition,
    object_of,
    opened,
    readable,
)
from core.files.names import extension_of
from core.files.table import File
from core.files.urls import FILE_PATH
from core.market.market import Marketplace
from core.work.context import Resources

CHUNK = 256 * 1024
# Both ends of a transfer may be slow, but must make progress.
TIMEOUT = ClientTimeout(total=1800, sock_connect=3, sock_read=60)
STALL_SECONDS = 120.0  # for a client to read the next chunk
PUBLIC_SECONDS = 3600
PASSED_ON = (hdrs.CONTENT_LENGTH, hdrs.CONTENT_RANGE, hdrs.ACCEPT_RANGES, hdrs.LAST_MODIFIED)
# Uploaded content must never be executed or sniffed by a browser.
SANDBOX = "sandbox; default-src 'none'"
S3 = web.AppKey("s3", ClientSession)


async def session(app: web.Application) -> AsyncIterator[None]:
    """Keep the connections to S3 open for the lifetime of the application."""
    # No limit here, so that no transfer waits for another's slow one: transfers.py bounds their number.
    async with ClientSession(timeout=TIMEOUT, auto_decompress=False, connector=TCPConnector(limit=0)) as app[S3]:
        yield


class Blobs:
    """The files of one marketplace."""

    def __init__(self, market: Marketplace, resources: Resources) -> None:
        self._market = market
        self._resources = resources
        self._cookies = Cookies(market, resources)
        self._transfers = Transfers(resources)
        self._roles = frozenset(role for route in market.routes for role in route.who or ())

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """Return the routes; they come after the marketplace's own."""
        return [
            web.put(prefix + UPLOAD_PATH, self._put),
            web.get(prefix + DOWNLOAD_PATH, self._get_by_link, allow_head=False),
            web.get(prefix + FILE_PATH, self._get_by_name, allow_head=False),
        ]

    async def _put(self, request: web.Request) -> web.Response:
        """Pass a file on to S3; raises FORBIDDEN, FILE_ALREADY_UPLOADED, VALIDATION_ERROR, UNAVAILABLE."""
        request[ROUTE] = UPLOAD_PATH
        link = await opened(self._resources, request.match_info["token"], "upload")
        file = await table.FILE(self._resources.db, link.file_id)
        if file is None or file.market != self._market.name:
            raise errors.FILE_NOT_FOUND.error()
        if file.status != "pending":
            raise errors.FILE_ALREADY_UPLOADED.error()
        _check_is(file, request)
        with self._transfers.count(request, file.owner_id):
            await self._store(request, file)
        await self._settle(file)
        return web.Response(status=200)

    async def _store(self, request: web.Request, file: File) -> None:
        url = await self._resources.storage.link_to_put(file.key, file.size, file.mime_type, FOLLOWED_SECONDS)
        headers = {hdrs.CONTENT_TYPE: file.mime_type, hdrs.CONTENT_LENGTH: str(file.size)}
        try:
            target = URL(url, encoded=True)
            async with request.app[S3].put(target, data=request.content, headers=headers) as answer:
                if answer.status != 200:
                    raise errors.UNAVAILABLE.error("The file could not be stored")
        except (ClientError, TimeoutError, OSError) as error:
            raise errors.UNAVAILABLE.error("The file could not be stored") from error

    async def _settle(self, file: File) -> None:
        """Delete an upload that ended too late: nothing refers to it, so no job would delete it."""
        now = await table.FILE(self._resources.db, file.id)
        if now is None or now.status in ("released", "rejected"):
            await self._resources.storage.delete([file.key])
            raise (errors.FILE_ALREADY_UPLOADED if now else errors.FILE_NOT_FOUND).error()

    async def _get_by_link(self, request: web.Request) -> web.StreamResponse:
        """Send a file to a client with a link whose user may still read it."""
        request[ROUTE] = DOWNLOAD_PATH
        link = await opened(self._resources, request.match_info["token"], "download")
        kept = SHOWN_SECONDS if link.is_shown else 0
        return await self._give(request, link.file_id, link.user_id, link.variant, kept)

    async def _get_by_name(self, request: web.Request) -> web.StreamResponse:
        """Send a file by its permanent address: to everybody if it is public, else to logged-in users who may read it."""
        request[ROUTE] = FILE_PATH
        user = await self._reader(request)
        variant: Variant = "thumbnail" if request.query.get("variant") == "thumbnail" else "original"
        try:
            file_id = UUID(request.match_info["fileId"])
        except ValueError:
            raise errors.FILE_NOT_FOUND.error() from None
        return await self._give(request, file_id, user, variant)

    async def _reader(self, request: web.Request) -> UUID | None:
        """Return the reader; None: anonymous, also with an outdated cookie, since browsers send those for public files too."""
        try:
            return (await caller(request, self._cookies, self._resources, self._market.name, self._roles)).id
        except AppError:
            if hdrs.AUTHORIZATION in request.headers:
                raise
            return None

    async def _give(
        self, request: web.Request, file_id: UUID, user_id: UUID | None, variant: Variant, kept: int = 0
    ) -> web.StreamResponse:
        """Send a file to a user; `kept`: for how many seconds a browser may cache a private one."""
        resources = self._resources
        file = await readable(resources.db, self._market.policy, file_id, user_id)
        purpose = purpose_named(self._market.policy, file.purpose)
        is_public = purpose is not None and purpose.may_read is None
        key, mime_type = object_of(file, variant)
        shown = disposition(file, inline=is_public)
        url = await resources.storage.link_to_get(key, mime_type, shown, FOLLOWED_SECONDS)
        if resources.settings.s3_links == "direct":
            cache = _cache(FOLLOWED_SECONDS // 2 if is_public or kept else 0, is_public=is_public)
            return web.Response(status=302, headers={hdrs.LOCATION: url, hdrs.CACHE_CONTROL: cache})
        headers = {
            hdrs.CONTENT_TYPE: mime_type,
            hdrs.CONTENT_DISPOSITION: shown,
            hdrs.CACHE_CONTROL: _cache(PUBLIC_SECONDS if is_public else kept, is_public=is_public),
            "Content-Security-Policy": SANDBOX,
        }
        with self._transfers.count(request):
            return await _pass_through(request, url, headers)


def _cache(seconds: int, *, is_public: bool) -> str:
    return f"{'public' if is_public else 'private'}, {f'max-age={seconds}' if seconds else 'no-store'}"


async def _pass_through(request: web.Request, url: str, headers: dict[str, str]) -> web.StreamResponse:
    asked = {name: request.headers[name] for name in (hdrs.RANGE,) if name in request.headers}
    try:
        async with request.app[S3].get(URL(url, encoded=True), headers=asked) as answer:
            if answer.status not in (200, 206, 416):
                raise errors.UNAVAILABLE.error("The file could not be read")
            headers |= {name: answer.headers[name] for name in PASSED_ON if name in answer.headers}
            # rclone answers 200 to range requests, too.
            status = 206 if answer.status == 200 and hdrs.CONTENT_RANGE in headers else answer.status
            return await _stream(request, answer, web.StreamResponse(status=status, headers=headers))
    except (ClientError, TimeoutError, OSError) as error:
        raise errors.UNAVAILABLE.error("The file could not be read") from error


async def _stream(request: web.Request, answer: ClientResponse, response: web.StreamResponse) -> web.StreamResponse:
    await response.prepare(request)
    try:
        async for chunk in answer.content.iter_chunked(CHUNK):
            async with asyncio.timeout(STALL_SECONDS):
                await response.write(chunk)
    except (ClientError, TimeoutError, OSError):
        # A truncated file must not look complete, and it is too late for an error status: cut the connection.
        if request.transport:
            request.transport.abort()
    return response


def _check_is(file: File, request: web.Request) -> None:
    """Raise VALIDATION_ERROR unless type and size in the headers are those of the announced file."""
    if request.content_length != file.size:
        raise errors.invalid("Content-Length", f"Must be {file.size}, as announced")
    said = canonical(request.headers.get(hdrs.CONTENT_TYPE, ""), extension_of(file.file_name))
    if stored_as(said) != file.mime_type:
        raise errors.invalid("Content-Type", f"Must be {file.mime_type}, as announced")
