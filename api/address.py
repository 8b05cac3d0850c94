"""Where a request comes from, seen through the proxies that we trust."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from aiohttp import hdrs, web


def client_address(request: web.Request, proxies: Sequence[str]) -> str:
    """Return the address nearest to us that is not a trusted proxy's: what is left of it anyone may have made up."""
    forwarded = ",".join(request.headers.getall(hdrs.X_FORWARDED_FOR, []))
    address = request.remote or ""
    for hop in reversed(forwarded.split(",")):
        if not _within(address, proxies) or not hop.strip():
            break
        address = hop.strip()
    return address


def _within(address: str, networks: Sequence[str]) -> bool:
    try:
        return any(ip_address(address) in ip_network(network) for network in networks)
    except ValueError:
        return False
