"""Authenticates operators by the secrets of GREENROOM_OPERATOR_TOKENS."""

import hmac
import time
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from aiohttp import web

from api.admission import ADMISSION
from api.cookies import bearer_token
from config.settings import Settings
from core.base import errors
from core.limits.budget import Buckets, Rate
from core.review_queue.kinds import ADMIN, StaffCtx
from core.work import audit
from core.work import rate_limits as limits
from core.work.context import Ctx
from realtime.operations.admin_client import AdminClient

OPERATOR = frozenset({"operator"})  # the role of every operator
GUESSES = Rate("operator_guesses", 10, 60)  # of one address
# One entry per operator and subject in this time: an open page of the console polls every few seconds.
LOOKS = Rate("looks", 1, 600)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorCtx(StaffCtx):
    """One call of an operator, who is not a user of a marketplace: `caller` is None."""

    hubs: AdminClient
    looks: Buckets
    operator: str = ""

    async def record_look(self, action: str, entity_id: UUID | None, **facts: object) -> None:
        """Record in the audit log what the operator is about to see of a user, unless recorded a few minutes ago."""
        now = time.monotonic()
        bucket = self.looks.of(f"{self.operator} {action} {entity_id} {facts}", now)
        if bucket.wait(now) <= 0:
            await audit.record(self, self.db, action, entity_id, {"operator": self.operator, **facts})
            bucket.charge(now)


@dataclass(frozen=True, slots=True)
class Operator:
    """One of the settings: `name:secret`, or with roles in place of admin, `name+moderator+agent:secret`."""

    name: str
    roles: frozenset[str]
    hashed: bytes


class Operators:
    """The operators of the settings; secrets are kept and compared as their SHA-256."""

    def __init__(self, settings: Settings) -> None:
        self.looks = Buckets(LOOKS)
        self._all = [_operator(token) for token in settings.operator_tokens]

    async def authenticate(self, request: web.Request, ctx: Ctx) -> Operator:
        """Return the operator; raises UNAUTHORIZED, or RATE_LIMITED after ten wrong secrets per address and minute."""
        secret = bearer_token(request)
        known = [one for one in self._all if hmac.compare_digest(one.hashed, _hashed(secret))]
        if secret and known:
            return known[0]
        # Only wrong secrets count: others behind the same address must not lock an operator out.
        request.app[ADMISSION].take(ctx.remote)  # before a request to Redis
        await limits.take(ctx, GUESSES, ctx.remote)
        raise errors.UNAUTHORIZED.error("This is no operator's token")


def _operator(token: str) -> Operator:
    who, secret = token.split(":", 1)
    name, *roles = who.split("+")
    return Operator(name, OPERATOR | frozenset(roles or {ADMIN}), _hashed(secret))


def _hashed(secret: str) -> bytes:
    return sha256(secret.encode(errors="surrogateescape")).digest()
