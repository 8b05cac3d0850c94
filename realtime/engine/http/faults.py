"""Errors below the application, in the envelope of all others: `{"error": {"code", "message", "details"}}`.

The codes are rows of core/base/errors.py, which the engine does not know: tests hold them equal. They say nothing of the request.
"""

from typing import Final, NamedTuple

import msgspec

NO_STORE: Final = {"Cache-Control": "no-store"}


class Fault(NamedTuple):
    """An answer to something that never became a request."""

    status: int
    reason: str
    code: str
    message: str

    def body(self) -> bytes:
        """Return the JSON."""
        return msgspec.json.encode({"error": {"code": self.code, "message": self.message, "details": []}})

    def answer(self, *headers: str) -> bytes:
        """Return a whole HTTP answer, the last one on its connection."""
        body = self.body()
        lines = (
            f"HTTP/1.1 {self.status} {self.reason}",
            "Connection: close",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in NO_STORE.items()),
            *headers,
        )
        return "\r\n".join((*lines, "", "")).encode() + body


BAD_REQUEST: Final = Fault(400, "Bad Request", "MALFORMED_REQUEST", "The request is not well-formed")
NOT_FOUND: Final = Fault(404, "Not Found", "NOT_FOUND", "Not found")
BAD_METHOD: Final = Fault(405, "Method Not Allowed", "METHOD_NOT_ALLOWED", "Method not allowed")
TOO_SLOW: Final = Fault(408, "Request Timeout", "REQUEST_TIMEOUT", "The request did not come in time")
TOO_LARGE: Final = Fault(413, "Content Too Large", "PAYLOAD_TOO_LARGE", "The request is too large")
TOO_MANY: Final = Fault(429, "Too Many Requests", "RATE_LIMITED", "Too many connections")
HEADERS_TOO_LARGE: Final = Fault(
    431, "Request Header Fields Too Large", "HEADERS_TOO_LARGE", "The headers of the request are too large"
)
INTERNAL: Final = Fault(500, "Internal Server Error", "INTERNAL_ERROR", "Internal server error")

# Of what aiohttp refuses by itself; the rest is BAD_REQUEST or INTERNAL.
OF_STATUS: Final = {fault.status: fault for fault in (NOT_FOUND, BAD_METHOD, TOO_LARGE)}
