"""Where a client comes from, seen through the proxies that we trust."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network


def client_address(peer: str, forwarded: str, proxies: Sequence[str]) -> str:
    """Return the address nearest to us that is not a trusted proxy's: what is left of it anyone may have made up.

    `forwarded` is X-Forwarded-For, its lines joined by commas; `proxies` are networks.
    """
    address = peer
    for hop in reversed(forwarded.split(",")):
        if not _within(address, proxies) or not hop.strip():
            break
        address = hop.strip()
    return address


def masked(address: str) -> str:
    """Return where an address is from without saying whose it is: its network, /24 or /48."""
    try:
        bits = 24 if ip_address(address).version == 4 else 48
    except ValueError:
        return ""
    return str(ip_network(f"{address.partition('%')[0]}/{bits}", strict=False))


def _within(address: str, networks: Sequence[str]) -> bool:
    try:
        return any(ip_address(address) in ip_network(network) for network in networks)
    except ValueError:
        return False
