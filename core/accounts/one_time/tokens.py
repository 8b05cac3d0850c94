"""One-time tokens: long ones that are mailed in links. Each is good for one purpose, one use, and until it expires.

Nobody guesses one, so tries are not counted here, only those of an address where tokens are taken. Short codes: codes.py.
"""

import hashlib
import secrets
from datetime import datetime
from uuid import UUID

import msgspec

from core.accounts.contacts import email_of
from core.platform.db import Connection, One, Run, Scalar


class Owner(msgspec.Struct, frozen=True):
    """Whose token it is."""

    id: UUID
    email: str | None


INSERT = Run("insert into one_time_tokens (hash, user_id, purpose, expires_at) values ($1, $2, $3, $4)")
OWNER = One(
    Owner,
    f"""
    select u.id, {email_of("u")} as email from one_time_tokens t join users u on u.id = t.user_id
    where t.hash = $1 and t.purpose = $2 and t.used_at is null and t.expires_at > $4
        and u.market = $3 and u.deleted_at is null""",  # noqa: S608
)
USE = Scalar(
    UUID,
    """
    update one_time_tokens t set used_at = $4 from users u
    where t.hash = $1 and t.purpose = $2 and t.used_at is null and t.expires_at > $4
        and u.id = t.user_id and u.market = $3 and u.deleted_at is null
    returning t.user_id""",
)
VOID = Run(
    """
    update one_time_tokens set used_at = $3
    where user_id = $1 and used_at is null and purpose = any ($2::text[])"""
)
FORGET = Run(
    """
    delete from one_time_tokens where hash in (
        select hash from one_time_tokens where expires_at < $1 order by expires_at limit $2 for update skip locked
    )"""
)


async def issue(db: Connection, user_id: UUID, purpose: str, expires_at: datetime) -> str:
    """Store a new token of a user and return what is mailed; only its SHA-256 is stored."""
    token = secrets.token_urlsafe(32)
    await INSERT(db, digest(token), user_id, purpose, expires_at)
    return token


def digest(token: str) -> bytes:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).digest()
