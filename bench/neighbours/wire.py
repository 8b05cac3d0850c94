"""What the clients of this benchmark send, as bytes: masked WebSocket frames, Engine.IO payloads, HTTP requests."""

import gzip
from collections.abc import Mapping

MASK = bytes(4)  # a mask of zeros leaves the text unchanged
SEPARATOR = b"\x1e"


def frame(text: bytes, opcode: int = 0x1) -> bytes:
    """Return a final frame of a client, at most 64 KB."""
    size = len(text)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2)
    return bytes((0x80 | opcode,)) + length + MASK + text


def upgrade(port: int) -> bytes:
    """Return the request that opens a WebSocket of Engine.IO."""
    return (
        f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ).encode()


def request(
    method: str, path: str, body: bytes = b"", token: str = "", headers: Mapping[str, str] | None = None
) -> bytes:
    """Return an encoded request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def connect(token: str) -> bytes:
    """Return the frame that joins the namespace."""
    return frame(b'40{"token":"%b"}' % token.encode())


def packed(body: bytes) -> tuple[bytes, dict[str, str]]:
    """Return a compressed body with its header."""
    return gzip.compress(body), {"Content-Encoding": "gzip"}
