"""Serves the web page: the files of web/, and the Socket.IO client from node_modules."""

import re
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from config.settings import Settings
from realtime import browser_client

WEB = Path(__file__).parents[1] / "web"
OURS = re.compile(r"[\w-]+\.(?:js|css|svg|png|ico|webmanifest)")
VENDOR = {
    "socket.io.js": browser_client.DIST / "socket.io.min.js",
    "socket.io.min.js.map": browser_client.DIST / "socket.io.min.js.map",
}
POLICY = "Content-Security-Policy"
HEADERS = {
    POLICY: (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
        " manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",  # revalidate each time: file names have no version
}


def routes() -> list[web.RouteDef]:
    """Return `/`, `/web/{name}` and `/web/vendor/{name}`."""
    return [
        web.get("/", _get_page),
        web.get("/web/{name}", _get_file),
        web.get("/web/vendor/{name}", _get_vendor_file),
    ]


def console_routes(settings: Settings) -> list[web.RouteDef]:
    """Return `/console` and `/web/console/{name}`, the operators' page. Links to pictures may lead to S3 itself."""
    s3 = settings.s3_url if settings.s3_links == "direct" else ""
    headers = {**HEADERS, POLICY: HEADERS[POLICY].replace("img-src 'self'", f"img-src 'self' {s3}".rstrip())}

    async def get_console(_request: web.Request) -> web.FileResponse:
        return _file(WEB / "console/index.html", headers)

    return [web.get("/console", get_console), web.get("/web/console/{name}", _get_console_file)]


async def _get_page(_request: web.Request) -> web.FileResponse:
    return _file(WEB / "index.html")


async def _get_file(request: web.Request) -> web.FileResponse:
    return _own_file(WEB, request)


async def _get_console_file(request: web.Request) -> web.FileResponse:
    return _own_file(WEB / "console", request)


def _own_file(folder: Path, request: web.Request) -> web.FileResponse:
    name = request.match_info["name"]
    if not OURS.fullmatch(name):
        raise web.HTTPNotFound
    return _file(folder / name)


async def _get_vendor_file(request: web.Request) -> web.FileResponse:
    path = VENDOR.get(request.match_info["name"])
    if path is None:
        raise web.HTTPNotFound
    return _file(path)


def _file(path: Path, headers: Mapping[str, str] = HEADERS) -> web.FileResponse:
    if not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(path, headers=headers)
