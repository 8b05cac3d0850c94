"""What a request must have to open a session, to go on with one, or to become a WebSocket."""

from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping
from hashlib import sha1
from http import HTTPStatus
from typing import Final, NamedTuple

import msgspec

from core.origins import forwarded_hosts

TRANSPORT_UNKNOWN: Final = (0, "Transport unknown")
SESSION_UNKNOWN: Final = (1, "Session ID unknown")
BAD_METHOD: Final = (2, "Bad handshake method")
BAD_REQUEST: Final = (3, "Bad request")
FORBIDDEN: Final = (4, "Forbidden: pages of this origin may not connect")
UNSUPPORTED_VERSION: Final = (5, "Unsupported protocol version")
TOO_SLOW: Final = (3, "Payload did not come in time")
TOO_LARGE: Final = (3, "Payload too large")
ENCODED: Final = (3, "Payloads must not be encoded")

_WEBSOCKET_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SWITCHING: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n"
)


class Refused(Exception):  # noqa: N818 - named for what happened
    """The engine does not serve this request; `error` is Engine.IO's (code, message), `status` the HTTP one."""

    def __init__(self, error: tuple[int, str], status: int = 400) -> None:
        super().__init__(error[1])
        self.code, self.message = error
        self.status = status

    def body(self) -> bytes:
        """Return the JSON."""
        return msgspec.json.encode({"code": self.code, "message": self.message})

    def answer(self) -> bytes:
        """Return a whole HTTP answer, the last one on its connection."""
        body = self.body()
        headers = {
            "Connection": "close",
            "Content-Type": "application/json; charset=utf-8",
            "Cache-Control": "no-store",
            "Content-Length": len(body),
        }
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join((*lines, "", "")).encode() + body


class Request(NamedTuple):
    """What the engine reads of an HTTP request.

    `key` is Sec-WebSocket-Key, "" if it asks for no WebSocket; `remote` the peer, `forwarded` what X-Forwarded-For claims,
    None if there is none; `forwarded_hosts` what proxies say they were asked for, which only trusted ones are believed.
    """

    method: str
    query: str
    key: str
    origin: str
    host: str
    user_agent: str
    remote: str
    forwarded: str | None
    forwarded_hosts: tuple[str, ...] = ()

    def parameters(self) -> dict[str, str]:
        """The query's parameters. Those of the protocol need no unescaping."""
        return {name: value for name, _, value in (pair.partition("=") for pair in self.query.split("&"))}


def websocket_key(headers: Mapping[str, str]) -> str:
    """The key of a request for a WebSocket of version 13, "" if it is not one; `headers` by lower-case names."""
    if headers.get("upgrade", "").lower() != "websocket" or headers.get("sec-websocket-version") != "13":
        return ""
    if "upgrade" not in [token.strip() for token in headers.get("connection", "").lower().split(",")]:
        return ""
    key = headers.get("sec-websocket-key", "")
    try:
        return key if len(b64decode(key, validate=True)) == 16 else ""
    except ValueError:
        return ""


def switching_protocols(key: str) -> bytes:
    """The whole answer to a request for a WebSocket. Compression is never agreed: frames are shared by many."""
    return _SWITCHING % b64encode(sha1(key.encode() + _WEBSOCKET_GUID, usedforsecurity=False).digest())


def read_upgrade(head: bytes, remote: str, paths: Collection[str]) -> Request | None:
    """The request in a head, if it is a plain one for a WebSocket on one of `paths`; None leaves it to aiohttp."""
    lines = head.decode("latin-1").split("\r\n")
    method, _, rest = lines[0].partition(" ")
    target, _, version = rest.partition(" ")
    path, _, query = target.partition("?")
    if method != "GET" or version != "HTTP/1.1" or path not in paths or b"\0" in head:
        return None
    headers = _read_headers(lines[1:])
    key = websocket_key(headers)
    if not key or headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        return None
    return make_request(method, query, key, headers, remote)


def _read_headers(lines: list[str]) -> dict[str, str]:
    """Headers by lower-case names; none at all if any is folded, doubled or odd: aiohttp knows about those."""
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.replace("-", "a").replace("_", "a").isalnum():
            return {}
        headers[name.lower()] = value.strip()
    return headers if len(headers) == len(lines) else {}


def make_request(method: str, query: str, key: str, headers: Mapping[str, str], remote: str) -> Request:
    """A request of these parts; `headers` by lower-case names."""
    return Request(
        method,
        query,
        key,
        headers.get("origin", ""),
        headers.get("host", ""),
        headers.get("user-agent", ""),
        remote,
        headers.get("x-forwarded-for"),
        tuple(forwarded_hosts(headers.get("x-forwarded-host", ""), headers.get("forwarded", ""))),
    )
