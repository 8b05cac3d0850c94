"""Hosts of links that users give. We never follow them: browsers of others do."""

import re
from ipaddress import AddressValueError, IPv4Address
from urllib.parse import urlsplit

# Names that mean another machine for each who asks (RFC 6761, RFC 6762, RFC 8375 and what ICANN keeps for it).
PRIVATE_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "home.arpa")
# Browsers take a host whose last label is one of these for an address, however it is written (WHATWG URL, "ends in a number").
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")


def is_public(url: str) -> bool:
    """Say whether a WebUrl names a host that is the same for everybody: no private address and no name of a private network."""
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
