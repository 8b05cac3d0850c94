"""A client's address, seen through trusted proxies, and the networks whose limits it shares."""

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

from core.base.errors import MALFORMED_REQUEST, AppError
from core.limits.budget import MOST_SUBJECTS, Nested, NestedBuckets, Rate

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

SUBJECT_BITS: Final = 64  # of IPv6: the smallest network of a customer, who has all addresses in it
WIDER_BITS: Final = 48  # the largest network of a customer ...
WIDER_FACTOR: Final = 8  # ... and its rate, as a multiple of that of one /64
REMEMBERED: Final = 4096  # addresses whose subjects are cached

_WITH_PORT: Final = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<four>[0-9.]+))(?::[0-9]{1,5})?")


class ForwardedError(AppError, ValueError):
    """MALFORMED_REQUEST: X-Forwarded-For of a trusted proxy is invalid. A ValueError, as the engine knows no AppError."""

    def __init__(self) -> None:
        super().__init__(MALFORMED_REQUEST, "X-Forwarded-For holds something that is no address", ())


def parse(text: str) -> Address:
    """Read an address as peers and proxies write it: also `a:port`, `[v6]:port`, with a zone, IPv4 as IPv6. Raises ValueError."""
    with_port = _WITH_PORT.fullmatch(text)
    host = (with_port["six"] or with_port["four"]) if with_port else text
    address = ip_address(host.partition("%")[0])
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def client_address(peer: str, forwarded: str | None, proxies: Sequence[str]) -> str:
    """Return the nearest address that is not a trusted proxy's: any address to its left may be forged.

    `forwarded` is X-Forwarded-For, its lines joined by commas (None: there is none); `proxies` are networks. A peer without
    an address (on a Unix socket) is returned unchanged. Raises ForwardedError, also for an empty header: proxies add an
    address or no header, so the client sent it and the proxy passed it on; it must not be charged to the proxy.
    """
    try:
        address = parse(peer)
    except ValueError:
        return peer
    for hop in reversed(() if forwarded is None else forwarded.split(",")):
        if not _is_within(address, proxies):
            break
        try:
            address = parse(hop.strip())
        except ValueError:
            raise ForwardedError from None
    return str(address)


def is_trusted(address: str, proxies: Sequence[str]) -> bool:
    """Return whether an address is a trusted proxy's, whose connections belong to many clients."""
    try:
        return _is_within(parse(address), proxies)
    except ValueError:
        return False


def subject(address: str) -> str:
    """Return the first subject of limits: an IPv4 address, or the /64 of an IPv6 one."""
    (near, _), *_ = subjects(address)
    return near


@lru_cache(REMEMBERED)
def subjects(address: str) -> Nested:
    """Return all subjects of limits: `subject`, and the /48 around an IPv6 /64."""
    try:
        parsed = parse(address)
    except ValueError:
        return ((address, 1),)
    if parsed.version == 4:
        return ((str(parsed), 1),)
    return (_network(parsed, SUBJECT_BITS), 1), (_network(parsed, WIDER_BITS), WIDER_FACTOR)


class AddressBuckets:
    """The buckets of addresses in this process; otherwise as `Buckets`."""

    def __init__(self, rate: Rate, most: int = MOST_SUBJECTS) -> None:
        self._buckets = NestedBuckets(rate, most)

    def take(self, address: str, now: float, cost: float = 1.0) -> float:
        """Take for an address and its networks and return 0.0, or take nothing and return the seconds to wait."""
        return self._buckets.take(subjects(address), now, cost)

    def wait(self, address: str, now: float, cost: float = 1.0) -> float:
        """Return the seconds until this much can be taken; 0.0 or less: now."""
        return self._buckets.wait(subjects(address), now, cost)

    def charge(self, address: str, now: float, cost: float = 1.0) -> None:
        """Take, into debt if necessary. A negative cost is put back."""
        self._buckets.charge(subjects(address), now, cost)


def masked(address: str) -> str:
    """Return the network of an address (or of a network of `subject`), /24 or /48, which identifies nobody."""
    try:
        parsed = parse(address.partition("/")[0])
    except ValueError:
        return ""
    return _network(parsed, 24 if parsed.version == 4 else 48)


def _network(address: Address, bits: int) -> str:
    return str(ip_network((address, bits), strict=False))


def _is_within(address: Address, proxies: Sequence[str]) -> bool:
    return any(address in network for network in _networks(tuple(proxies)))


@lru_cache(maxsize=8)
def _networks(proxies: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(_unmapped(ip_network(proxy)) for proxy in proxies)


def _unmapped(network: Network) -> Network:
    """Return an IPv4 network written as IPv6 as IPv4, like `parse` does with addresses."""
    if isinstance(network, IPv6Network) and network.prefixlen >= 96 and network.network_address.ipv4_mapped:
        return IPv4Network((network.network_address.ipv4_mapped, network.prefixlen - 96))
    return network
