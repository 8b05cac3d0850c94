"""The official Socket.IO client for browsers, served where Node's server has it: `/socket.io/socket.io.js`.

The files come with our own page (web/node_modules). The client for the msgpack parser is left out: it could not connect here.
"""

from functools import partial
from pathlib import Path
from typing import Final

from aiohttp import web

DIST: Final = Path(__file__).parents[1] / "web/node_modules/socket.io-client/dist"
_SCRIPTS: Final = ("socket.io.js", "socket.io.min.js", "socket.io.esm.min.js")
FILES: Final = (*_SCRIPTS, *(f"{script}.map" for script in _SCRIPTS))
_HEADERS: Final = {
    "Cache-Control": "public, max-age=3600",  # seconds; the client of the version before works as well for that long
    "Access-Control-Allow-Origin": "*",  # of modules a browser wants to know; everybody may have these
}


def routes() -> list[web.RouteDef]:
    """Return `/socket.io/{name}` of each file."""
    return [web.get(f"/socket.io/{name}", partial(_get, DIST / name)) for name in FILES]


async def _get(path: Path, _request: web.Request) -> web.FileResponse:
    if not path.is_file():
        raise web.HTTPNotFound
    kind = "application/json" if path.suffix == ".map" else "text/javascript"
    return web.FileResponse(path, headers={**_HEADERS, "Content-Type": f"{kind}; charset=utf-8"})
