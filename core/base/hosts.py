"""Hosts in links that users enter. The server never follows them; other users' browsers do."""

import re
from ipaddress import AddressValueError, IPv4Address
from urllib.parse import urlsplit

# Names that resolve differently for each client (RFC 6761, RFC 6762, RFC 8375, and those reserved by ICANN).
PRIVATE_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "home.arpa")
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
