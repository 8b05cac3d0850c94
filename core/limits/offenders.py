"""Counts every refusal by a limit: in a metric by kind, and in a log line that is rate-limited itself."""

import logging
from hashlib import sha256
from time import monotonic
from typing import Final
from uuid import UUID

from core.limits.address import masked
from core.limits.budget import Buckets, Rate
from core.platform.observability.metrics import Metrics

LINES_OF_SUBJECT: Final = Rate("lines of a subject", 1, 60)  # for each kind
LINES_OF_KIND: Final = Rate("lines of a kind", 20, 60)  # for all its subjects together
MOST_REMEMBERED: Final = 2_000

log = logging.getLogger(__name__)


class Offenders:
    """Counts and logs subjects that exceed a limit."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._lines = Buckets(LINES_OF_SUBJECT, MOST_REMEMBERED)
        self._lines_of_kind = Buckets(LINES_OF_KIND)

    def limited(self, kind: str, subject: str) -> None:
        """Count a refusal. `kind` is a limit's name, `subject` an address, a network, a user's id, or a secret."""
        self._metrics.limited.labels(kind).inc()
        now = monotonic()
        if self._lines.take(f"{kind} {subject[:128]}", now) > 0 or self._lines_of_kind.take(kind, now) > 0:
            return
        log.warning(
            "%s exceeds the limit %r and is refused. If it is honest, raise its limits (GREENROOM_RAISED_LIMITS);"
            " if not, end its sessions or block it at the proxy: docs/limits.md",
            _shown(subject),
            kind,
        )

    def origin(self, origin: str, host: str) -> None:
        """Count and log a web page that may not connect; its headers may contain anything, so only part of them is shown."""
        kind = "origins"
        self._metrics.limited.labels(kind).inc()
        now = monotonic()
        if self._lines.take(f"{kind} {origin[:128]}", now) > 0 or self._lines_of_kind.take(kind, now) > 0:
            return
        log.warning(
            "a page of the origin %r may not connect to the host %r. If it is yours, add it to GREENROOM_CORS_ORIGINS, set"
            " GREENROOM_PUBLIC_URL to where people reach this server, or name your proxy in GREENROOM_TRUSTED_PROXIES and have it"
            " send X-Forwarded-Host",
            origin[:128],
            host[:128],
        )


def _shown(subject: str) -> str:
    """Return a subject for the log: addresses masked, e-mails hashed."""
    if network := masked(subject):
        return network
    try:
        return f"user {UUID(subject)}"
    except ValueError:
        return f"#{sha256(subject.encode(errors='surrogateescape')).hexdigest()[:8]}"
