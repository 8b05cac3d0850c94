"""The official Socket.IO client for browsers, served where Node's server has it: `/socket.io/socket.io.js`.

The files come with our own page (web/node_modules). The client for the msgpack parser is left out: it could not connect here.
"""

import hashlib
from functools import cache, partial
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


@cache
def _read(path: Path) -> tuple[bytes, str]:
    """Return a file and its version."""
    octets = path.read_bytes()
    return octets, hashlib.sha256(octets).hexdigest()[:16]


async def _get(path: Path, request: web.Request) -> web.Response:
    if not path.is_file():
        raise web.HTTPNotFound
    octets, version = _read(path)
    kind = "application/json" if path.suffix == ".map" else "text/javascript"
    is_known = any(tag.value == version for tag in request.if_none_match or ())
    # All answers share the bytes: of a file that is read in pieces, each client that takes them slowly would hold one.
    response = web.Response(status=304) if is_known else web.Response(body=octets, content_type=kind, charset="utf-8")
    response.headers.update(_HEADERS)
    response.etag = version
    return response
