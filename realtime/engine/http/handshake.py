"""Validates requests that open a session, continue one, or upgrade to a WebSocket."""

import re
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping
from hashlib import sha1
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from core.base.origins import forwarded_hosts

TRANSPORT_UNKNOWN: Final = (0, "Transport unknown")
SESSION_UNKNOWN: Final = (1, "Session ID unknown")
BAD_METHOD: Final = (2, "Bad handshake method")
BAD_REQUEST: Final = (3, "Bad request")
FORBIDDEN: Final = (4, "Forbidden: pages of this origin may not connect")
UNSUPPORTED_VERSION: Final = (5, "Unsupported protocol version")
TOO_SLOW: Final = (3, "Payload did not come in time")
TOO_LARGE: Final = (3, "Payload too large")
ENCODED: Final = (3, "Payloads must not be encoded")

NO_UPGRADE: Final = (3, "Send Upgrade: websocket and Connection: Upgrade: proxies must pass both on")
BAD_VERSION: Final = (3, "Send Sec-WebSocket-Version: 13")
BAD_KEY: Final = (3, "Send a Sec-WebSocket-Key: 16 bytes in base64")

_WEBSOCKET_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SWITCHING: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n"
)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Headers that hold one value; others may come on several lines, which mean the same as one.
_SINGLE: Final = frozenset(
    ("host", "origin", "upgrade", "user-agent", "content-length", "sec-websocket-key", "sec-websocket-version")
)


class Refused(Exception):  # noqa: N818 - named for what happened
    """The engine does not serve this request; `error` is Engine.IO's (code, message), `status` the HTTP one."""

    headers: Mapping[str, str] = MappingProxyType({})  # of the response

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
    protocol: str  # the first that a client of a WebSocket offers
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
    return key if _is_key(key) else ""


def _is_key(key: str) -> bool:
    try:
        return len(b64decode(key, validate=True)) == 16
    except ValueError:
        return False


def bad_upgrade(headers: Mapping[str, str]) -> "Refused":
    """What is wrong with a request that should ask for a WebSocket and has no `websocket_key`."""
    if headers.get("upgrade", "").lower() != "websocket":
        return Refused(NO_UPGRADE)
    if headers.get("sec-websocket-version") != "13":
        refused = Refused(BAD_VERSION)
        refused.headers = {"Sec-WebSocket-Version": "13"}
        return refused
    return Refused(NO_UPGRADE if _is_key(headers.get("sec-websocket-key", "")) else BAD_KEY)


def switching_protocols(key: str, protocol: str = "") -> bytes:
    """The whole answer to a request for a WebSocket. Compression is never agreed: frames are shared by many.

    If the client offers subprotocols, the first is selected, as by Node's server: browsers fail without a selection.
    """
    accept = b64encode(sha1(key.encode() + _WEBSOCKET_GUID, usedforsecurity=False).digest())
    chosen = f"Sec-WebSocket-Protocol: {protocol}\r\n" if protocol else ""
    return b"%b%b\r\n" % (_SWITCHING % accept, chosen.encode())


def _offered(protocols: str) -> str:
    """The first of the offered subprotocols, "" if there are none."""
    first = protocols.partition(",")[0].strip()
    return first if _TOKEN.fullmatch(first) else ""


def read_upgrade(head: bytes, remote: str, paths: Collection[str]) -> Request | None:
    """The request in a head, if it is a simple one for a WebSocket on one of `paths`; None leaves it to aiohttp."""
    lines = head.decode("latin-1").split("\r\n")
    method, _, rest = lines[0].partition(" ")
    target, _, version = rest.partition(" ")
    path, _, query = target.partition("?")
    if method != "GET" or version != "HTTP/1.1" or path not in paths or b"\0" in head:
        return None
    headers = _read_headers(lines[1:])
    key = websocket_key(headers)
    if not (key and "host" in headers) or headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        return None
    return make_request(method, query, key, headers, remote)


def _read_headers(lines: list[str]) -> dict[str, str]:
    """Headers by lower-case names; none at all if any is folded, odd, or doubled and may not be: aiohttp knows about those."""
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.lower(), value.strip()
        if not colon or not name.replace("-", "a").replace("_", "a").isalnum() or (name in headers and name in _SINGLE):
            return {}
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def make_request(method: str, query: str, key: str, headers: Mapping[str, str], remote: str) -> Request:
    """A request of these parts; `headers` by lower-case names."""
    return Request(
        method,
        query,
        key,
        _offered(headers.get("sec-websocket-protocol", "")),
        headers.get("origin", ""),
        headers.get("host", ""),
        headers.get("user-agent", ""),
        remote,
        headers.get("x-forwarded-for"),
        tuple(forwarded_hosts(headers.get("x-forwarded-host", ""), headers.get("forwarded", ""))),
    )
