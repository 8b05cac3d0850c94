"""Tokens against forged requests, for clients whose tokens are in cookies.

A page of another site can make a browser send its cookies, but cannot read this.
"""

from datetime import timedelta
from uuid import UUID

import msgspec

from core.base import clock, errors
from core.platform.tokens import Csrf, KeyRing, expiry
from core.work.context import Ctx


class CsrfToken(msgspec.Struct, frozen=True, rename="camel"):
    """What a client sends along as `X-CSRF-Token`; it is good for as long as the session."""

    csrf_token: str


def issue(keys: KeyRing, lifetime: timedelta, session_id: UUID | None) -> CsrfToken:
    """Return the token of a session."""
    return CsrfToken(keys.sign(Csrf(session_id, **expiry(clock.now(), lifetime))))


def issue_to(ctx: Ctx) -> CsrfToken:
    """Return the caller's token; without a login, or with an expired one, it is good for nothing."""
    try:
        session_id: UUID | None = ctx.resources.keys.access(ctx.access_token).session_id
    except errors.AppError:
        session_id = None
    return issue(ctx.resources.keys, ctx.policy.refresh_lifetime, session_id)
