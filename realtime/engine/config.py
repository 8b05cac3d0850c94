"""Settings of a process that listens, and their defaults."""

from collections.abc import Callable
from typing import Final

import msgspec

from core.limits.budget import Nested, Rate

# Of a client, in units (see limits/budget.py). The burst takes the hundreds of events that official clients keep while they
# connect, or the largest payload and a half.
TRAFFIC: Final = Rate("traffic", 400, 4)
# Refusals answer what no well-behaved client sends often: unknown events, requests that fail.
REFUSALS: Final = Rate("refusals", 60, 60)
# Requests of an address: a new connection, a request and the opening of a WebSocket cost one each; the framing of chunks costs as
# much as in the connection's budget. After a restart of its hub, an office reconnects within a second.
TRAFFIC_OF_ADDRESS: Final = Rate("traffic", 1000, 5)
# Requests of an address for health, readiness and metrics, besides all others.
PROBES: Final = Rate("probes", 100, 10)
LATE: Final = 1.0  # seconds by which requests beyond the rate are delayed
MAX_LATE: Final = 500  # of an address: one more, and the one that has waited longest is refused
# Bounds per address. One more evicts the oldest: honest clients pass these stages quickly, so idle ones are evicted.
MAX_HEADS: Final = 500  # connections that have not sent their first request yet
MAX_STRANGERS: Final = 1000  # sessions that no namespace has let in yet
MAX_KEPT: Final = 500  # HTTP connections; the least recently used one is evicted
# Bytes of messages and bodies that have begun; beyond, the connection that holds most is closed.
MAX_HELD: Final = 8 * 1024 * 1024
# Bytes of answers that clients of an address do not read, beyond the allowance of each connection; likewise.
MAX_UNREAD: Final = 16 * 1024 * 1024


def _peer(peer: str, _forwarded: str | None) -> str:
    return peer


def _itself(address: str) -> Nested:
    return ((address, 1),)


def _nobody(_address: str) -> bool:
    return False


def _ignore_limit(kind: str, address: str) -> None:
    """Ignore it."""


def _ignore_origin(origin: str, host: str) -> None:
    """Ignore it."""


class Config(msgspec.Struct, frozen=True):
    """Times in seconds, sizes in bytes; `origins` may speak with us from a browser, "*" is any; `refused_origin`
    is called with another one, and with the host that its page asked.

    `address` returns a client's address, given the peer's and what X-Forwarded-For claims (None: nothing). `subjects` returns
    what an address counts as: all addresses of an IPv6 network count as one, within a wider network. Addresses that are
    `trusted`, our own proxies, are not counted at all. `rates` off, for load tests, leaves only what bounds the work of one turn.
    `limited` is called with the name of the limit and the client's address when a connection begins to be slowed, is refused or
    cut off. `probes` are paths that balancers and monitoring ask, which have a budget of their own.
    """

    ping_interval: float = 25.0
    ping_timeout: float = 20.0
    max_payload: int = 1_000_000
    paths: tuple[str, ...] = ("/socket.io/", "/ws")
    origins: tuple[str, ...] = ("*",)
    refused_origin: Callable[[str, str], None] = _ignore_origin
    connect_timeout: float = 10.0
    address: Callable[[str, str | None], str] = _peer
    subjects: Callable[[str], Nested] = _itself
    trusted: Callable[[str], bool] = _nobody
    limited: Callable[[str, str], None] = _ignore_limit
    probes: frozenset[str] = frozenset()
    rates: bool = True
    traffic: Rate = TRAFFIC
    refusals: Rate = REFUSALS
    address_traffic: Rate = TRAFFIC_OF_ADDRESS
    address_probes: Rate = PROBES
    max_heads: int = MAX_HEADS
    max_strangers: int = MAX_STRANGERS
    max_kept: int = MAX_KEPT
    max_held: int = MAX_HELD
    max_unread: int = MAX_UNREAD
    max_late: int = MAX_LATE
    late: float = LATE

    def served_paths(self) -> frozenset[str]:
        """`paths` with and without a trailing slash."""
        return frozenset(form for path in self.paths for form in (path.rstrip("/"), f"{path.rstrip('/')}/"))
