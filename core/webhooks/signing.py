"""How a receiver knows that a webhook is ours: the secrets and signatures of Standard Webhooks."""

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from core.work.context import Ctx

PLACE: Final = "webhook_endpoints.secret"  # of sealed values
PREFIX: Final = "whsec_"
BYTES: Final = 32  # of a secret: the specification has 24 to 64


def new_secret() -> str:
    """Return a secret as receivers configure it."""
    return PREFIX + b64encode(secrets.token_bytes(BYTES)).decode()


def stored(ctx: Ctx, endpoint_id: UUID, secret: str) -> str:
    """Return a secret as it is stored: sealed where a marketplace seals anything."""
    return ctx.sealed(PLACE, endpoint_id, secret)


def key_of(ctx: Ctx, endpoint_id: UUID, stored: str) -> bytes:
    """Return what a stored secret signs with; raises SEALED_VALUE_UNREADABLE."""
    secret = ctx.resources.sealing.open_at(PLACE, endpoint_id, stored)
    return b64decode(secret.removeprefix(PREFIX))


def headers(id: str, at: datetime, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """Return the headers of an attempt; several keys sign it while a secret is rotated."""
    seconds = str(int(at.timestamp()))
    signed = b".".join((id.encode(), seconds.encode(), body))
    signatures = [f"v1,{b64encode(hmac.digest(key, signed, 'sha256')).decode()}" for key in keys]
    return {"webhook-id": id, "webhook-timestamp": seconds, "webhook-signature": " ".join(signatures)}
