"""A load client for HTTP: keep-alive connections that request prepared paths, at full speed or at a fixed rate.

In Python, because the servers answer a few thousand requests a second per core; this client manages about 20,000.
"""

import asyncio
import itertools
import time
from collections.abc import Sequence

import msgspec


class Report(msgspec.Struct, frozen=True):
    """The result of a run: sorted latencies in seconds, from the time at which each request was due."""

    delays: list[float]
    seconds: float
    failures: int

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.delays) / self.seconds

    def percentile(self, share: float) -> float:
        """This percentile of the latencies, in milliseconds."""
        return self.delays[min(int(len(self.delays) * share), len(self.delays) - 1)] * 1000


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._answer: asyncio.Future[int]
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert hasattr(transport, "write")  # noqa: S101 - uvloop's are no subclasses
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Handle the answer once its head and body are complete."""
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        size = _content_length(self._buffer[:head])
        if len(self._buffer) >= head + 4 + size:
            status = int(self._buffer[9:12])
            del self._buffer[: head + 4 + size]
            self._answer.set_result(status)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the pending request."""
        if not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError())

    def ask(self, request: bytes) -> "asyncio.Future[int]":
        """Send a request; the future is its status."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        """Close the connection."""
        self._answer = asyncio.get_running_loop().create_future()
        self._answer.cancel()
        self._transport.close()


def _content_length(head: bytearray) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def request(path: str, token: str) -> bytes:
    """Return an encoded GET."""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


async def load(port: int, requests: Sequence[bytes], connections: int, seconds: float, rate: float = 0) -> Report:
    """Send requests for `seconds` over this many connections: in a closed loop, or `rate` requests a second in total."""
    loop = asyncio.get_running_loop()
    opened = [(await loop.create_connection(Connection, "127.0.0.1", port))[1] for _ in range(connections)]
    source = itertools.cycle(requests)
    start = time.perf_counter()
    pause = connections / rate if rate else 0.0
    delays: list[float] = []
    failures = 0

    async def keep_asking(connection: Connection, due: float) -> None:
        nonlocal failures
        while due < start + seconds:
            await asyncio.sleep(due - time.perf_counter())
            asked = due if pause else time.perf_counter()
            status = await connection.ask(next(source))
            delays.append(time.perf_counter() - asked)
            failures += status != 200
            due = due + pause if pause else time.perf_counter()

    await asyncio.gather(*(keep_asking(one, start + pause * i / connections) for i, one in enumerate(opened)))
    for one in opened:
        one.close()
    return Report(sorted(delays), time.perf_counter() - start, failures)
