"""A provider that stands in where there is none, in tests and in development: ids decide by their last digit.

9: it is answered by somebody else, 8: refused, 7: never answered; all others are approved, at the second look.
"""

import hmac
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from core.base import clock, errors
from core.base.answers import RawBody
from core.base.ids import uuid7
from core.verification.kinds import Asked, Outcome
from core.work.context import Ctx

LIFETIME: Final = timedelta(minutes=3)
LOOKS: Final = 2
MOST: Final = 1000  # requests that are remembered
SIGNATURE: Final = "X-Signature"
_SECRET: Final = b"local verification"


@dataclass
class Request:
    """A request. `looks`: how often its state was asked for."""

    id: UUID
    person: str
    looks: int = 0


@dataclass
class LocalProvider:
    """Remembers requests in memory, so it is for one process."""

    requests: dict[str, Request] = field(default_factory=dict)

    async def start(self, _ctx: Ctx, id: UUID, person: str) -> Asked:
        """Ask a person; refused while another request is open for her, as real ones do."""
        if len(self.requests) >= MOST:
            del self.requests[next(iter(self.requests))]
        ref = str(uuid7())
        self.requests[ref] = Request(id, person)
        return Asked(ref, f"{uuid7().int % 100:02}", clock.now() + LIFETIME)

    async def poll(self, _ctx: Ctx, asked: Asked, person: str) -> Outcome | None:
        """Return what has become of a request, at the second look."""
        request = self.requests.get(asked.ref)
        if request is None or request.person != person:
            return None
        request.looks += 1
        return self.outcome(asked.ref) if request.looks >= LOOKS and person[-1] != "7" else None

    async def read(self, ctx: Ctx, raw: RawBody) -> Outcome:
        """Verify and read a callback."""
        given = raw.headers.get(SIGNATURE, "").encode(errors="replace")
        if not hmac.compare_digest(given, signature(ctx, raw.octets)):
            raise errors.FORBIDDEN.error("The signature is not right")
        return msgspec.json.decode(raw.octets, type=Outcome)

    def outcome(self, ref: str) -> Outcome:
        """Return what becomes of a request."""
        request = self.requests[ref]
        if request.person[-1] == "8":
            return Outcome("rejected", request_id=request.id, ref=ref)
        person = request.person[::-1] if request.person[-1] == "9" else request.person
        return Outcome("approved", person, {"name": "Ada", "born": "2000-01-01"}, request.id, ref)


def signature(ctx: Ctx, octets: bytes) -> bytes:
    """Return what a callback is signed with."""
    return hmac.digest(ctx.resources.keys.derive(_SECRET)[0].encode(), octets, "sha256").hex().encode()
