"""Which web pages may call and connect: those of the listed origins, and those served by the requested host.

An origin is a browser's name for the source of a page: `https://app.example` or `https://app.example:8443`, never a path.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

ANY: Final = "*"
LOOPBACK: Final = "loopback"  # every page on this machine, on any port, for a developer's Vite or Next

_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443", "ws": ":80", "wss": ":443"}
_FORWARDED_HOST: Final = re.compile(r'(?:^|[;,\s])host=("?)([^";,\s]+)\1', re.IGNORECASE)
_PORT: Final = re.compile(r":[0-9]*$")


def is_listed(origin: str, origins: Sequence[str]) -> bool:
    """Return whether an origin is in a list, ignoring case and a default port."""
    scheme, host = _parts(origin)
    if ANY in origins or (LOOPBACK in origins and _is_loopback(host)):
        return True
    return bool(scheme) and (scheme, host) in _listed(tuple(origins))


def is_of(origin: str, hosts: Iterable[str]) -> bool:
    """Return whether an origin has one of these hosts (`name` or `name:port`; without a port, the default of its scheme)."""
    scheme, host = _parts(origin)
    return bool(scheme) and any(_bare(scheme, one) == host for one in hosts if one)


def forwarded_hosts(x_forwarded_host: str, forwarded: str) -> list[str]:
    """Return the requested hosts as reported by proxies in `X-Forwarded-Host` and `Forwarded`."""
    return [
        *(host.strip() for host in x_forwarded_host.split(",") if host.strip()),
        *(match[2] for match in _FORWARDED_HOST.finditer(forwarded)),
    ]


@lru_cache(maxsize=16)
def _listed(origins: tuple[str, ...]) -> frozenset[tuple[str, str]]:
    return frozenset(map(_parts, origins))


def _parts(origin: str) -> tuple[str, str]:
    """Return the normalised scheme and host of an origin; no scheme for `null` and anything that is not an origin."""
    scheme, mark, host = origin.strip().partition("://")
    scheme = scheme.lower()
    return (scheme, _bare(scheme, host)) if mark else ("", "")


def _bare(scheme: str, host: str) -> str:
    return host.strip().lower().removesuffix(_DEFAULT_PORTS.get(scheme, ":"))


def _is_loopback(host: str) -> bool:
    name = _PORT.sub("", host)
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
