"""What a process that listens is set to."""

from collections.abc import Callable

import msgspec

from core.limits.budget import Nested, Rate
from realtime.engine.limits.budget import REFUSALS, TRAFFIC
from realtime.engine.limits.guard import (
    LATE,
    MAX_HEADS,
    MAX_HELD,
    MAX_KEPT,
    MAX_LATE,
    MAX_STRANGERS,
    MAX_UNREAD,
    PROBES,
    TRAFFIC_OF_ADDRESS,
)


def _peer(peer: str, _forwarded: str | None) -> str:
    return peer


def _itself(address: str) -> Nested:
    return ((address, 1),)


def _nobody(_address: str) -> bool:
    return False


def _silently(kind: str, address: str) -> None:
    """Tell nobody."""


def _unseen(origin: str, host: str) -> None:
    """Tell nobody."""


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
    refused_origin: Callable[[str, str], None] = _unseen
    connect_timeout: float = 10.0
    address: Callable[[str, str | None], str] = _peer
    subjects: Callable[[str], Nested] = _itself
    trusted: Callable[[str], bool] = _nobody
    limited: Callable[[str, str], None] = _silently
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
