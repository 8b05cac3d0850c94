"""Hosts in links that users enter. Other users' browsers follow them, and the server only those of webhooks."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Network, ip_address
from urllib.parse import urlsplit

# Names that resolve differently for each client (RFC 6761, RFC 6762, RFC 8375, and those reserved by ICANN).
PRIVATE_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "home.arpa")
# Where IPv6 hosts of the internet are; what leads on to IPv4 (mapped, NAT64, 6to4) is elsewhere, or is refused by name.
_INTERNET = IPv6Network("2000::/3")
# Browsers treat a host whose last label matches as an address, in any notation (WHATWG URL, "ends in a number").
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")


def is_public(url: str) -> bool:
    """Return whether the host of a WebUrl is public: no private address and no name of a private network."""
    host = urlsplit(url).hostname or ""
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        return _is_public_address(host)
    return not any(host == name or host.endswith(f".{name}") for name in PRIVATE_NAMES)


def _is_public_address(host: str) -> bool:
    try:
        address = IPv4Address(host)
    except AddressValueError:
        return False
    return address.is_global and not address.is_multicast


def may_connect(address: str) -> bool:
    """Return whether the server may connect to an address that a name of a user's choice leads to: one of the internet."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv4Address):
        return parsed.is_global and not parsed.is_multicast
    return parsed in _INTERNET and parsed.is_global and parsed.sixtofour is None and parsed.teredo is None
