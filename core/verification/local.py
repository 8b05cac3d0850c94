"""A provider that stands in where there is none, in tests and in development: the last digit of a number decides.

9: it is answered by somebody else, 8: refused, 7: never; all others are approved, at the second look. It is for one process.
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


@dataclass
class Request:
    """A request, and how often its state was asked for."""

    id: UUID
    person: str
    looks: int = 0


@dataclass
class LocalProvider:
    """The provider, with its requests by their names."""

    requests: dict[str, Request] = field(default_factory=dict)

    async def start(self, _ctx: Ctx, id: UUID, person: str) -> Asked:
        """Ask a person."""
        ref = str(uuid7())
        self.requests = dict([*self.requests.items()][1 - MOST :]) | {ref: Request(id, person)}
        return Asked(ref, f"{id.int % 100:02}", clock.now() + LIFETIME)

    async def poll(self, _ctx: Ctx, asked: Asked, person: str) -> Outcome | None:
        """Return what has become of a request, at the second look."""
        request = self.requests.get(asked.ref)
        if request is None or request.person != person:
            return None
        request.looks += 1
        return self.outcome(asked.ref) if request.looks >= LOOKS and person[-1] != "7" else None

    async def read(self, ctx: Ctx, raw: RawBody) -> Outcome:
        """Verify and read a callback."""
        if not hmac.compare_digest(raw.headers.get(SIGNATURE, "").encode(), signature(ctx, raw.octets).encode()):
            raise errors.FORBIDDEN.error("The signature is not right")
        return msgspec.json.decode(raw.octets, type=Outcome)

    def outcome(self, ref: str) -> Outcome:
        """Return what becomes of a request."""
        id, person = self.requests[ref].id, self.requests[ref].person
        if person[-1] == "8":
            return Outcome("rejected", request_id=id, ref=ref)
        claims = {"name": "Ada", "born": "2000-01-01"}
        return Outcome("approved", person[::-1] if person[-1] == "9" else person, claims, id, ref)


def signature(ctx: Ctx, octets: bytes) -> str:
    """Return what a callback is signed with."""
    return hmac.digest(ctx.resources.keys.derive(b"local verification")[0].encode(), octets, "sha256").hex()
