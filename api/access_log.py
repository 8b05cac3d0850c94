"""The access log: a line for each request, within a rate per address; omitted lines are counted.

A line holds no query, no headers, and no part of the path that a client made up.
"""

import logging
import re
from itertools import groupby
from time import monotonic
from typing import Final

from aiohttp import web

from core.limits.address import AddressBuckets, masked
from core.limits.budget import Bucket, Rate, Subjects
from core.platform.observability.metrics import Metrics
from realtime.operations.probes import PROBES

LINES: Final = Rate("access lines", 1200, 60)  # of an address and process
OMISSIONS: Final = Rate("lines of omissions", 1, 60)  # of a network: each counts the lines omitted since the last one
MOST_NETWORKS: Final = 1_000
KNOWN_PARTS = web.AppKey("known_parts", frozenset[str])
AN_ID: Final = re.compile(r"[0-9a-f]{8}[0-9a-f-]{8,28}")
A_NUMBER: Final = re.compile(r"[1-9][0-9]{0,18}")  # an id only where the route has one: elsewhere it may be a code

log = logging.getLogger("api.access")


class _Omitted(Bucket):
    """The time of the next line on omissions of a network, and how many lines were omitted."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        super().__init__(OMISSIONS)
        self.count = 0


class AccessLog:
    """The lines of one process."""

    def __init__(self, metrics: Metrics, *, is_limited: bool) -> None:
        self._is_limited = is_limited
        self._lines = AddressBuckets(LINES)
        self._networks = Subjects(lambda _network: _Omitted(), MOST_NETWORKS)
        self._omitted = 0
        what = "Lines that the access log has left out, since an address has made too many"
        metrics.count("greenroom_access_lines_omitted", what, lambda: self._omitted)

    def note(self, request: web.Request, address: str, status: int, seconds: float) -> None:
        """Write the line of a request, except successful probes."""
        level = logging.DEBUG if status < 500 and _resource(request) in PROBES else logging.INFO
        if not log.isEnabledFor(level):
            return
        now = monotonic()
        if level == logging.INFO and self._is_limited and self._lines.take(address, now) > 0:
            self._omit(masked(address), now)
        else:
            log.log(level, "%s %s %d %.1f ms", request.method, shown_path(request), status, seconds * 1000)

    def _omit(self, network: str, now: float) -> None:
        self._omitted += 1
        omitted = self._networks.of(network, now)
        omitted.count += 1
        if omitted.take(now) <= 0:
            log.info("%d lines of %s are left out: it makes more than %d a minute", omitted.count, network, LINES.count)
            omitted.count = 0


async def learn_parts(app: web.Application) -> None:
    """Collect the fixed parts of an application's paths; on startup, when all routes are known."""
    parts = (part for resource in app.router.resources() for part in resource.canonical.split("/"))
    app[KNOWN_PARTS] = frozenset(part for part in parts if "{" not in part)


def shown_path(request: web.Request) -> str:
    """Return a request's path for the log: with ids, but without tokens, file names and other text from the client."""
    path = _resource(request)
    if not path:
        known = request.app.get(KNOWN_PARTS, frozenset())
        parts = (part if part in known else "*" for part in request.rel_url.raw_path.split("/"))
        return "/".join(part for part, _ in groupby(parts))
    for name, value in request.match_info.items():
        if AN_ID.fullmatch(value) or (name.lower().endswith("id") and A_NUMBER.fullmatch(value)):
            path = path.replace(f"{{{name}}}", value)
    return path


def _resource(request: web.Request) -> str:
    """Return the path of a request's route; "" if there is none."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else ""
