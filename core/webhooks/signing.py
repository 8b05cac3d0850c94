"""How a receiver knows that a webhook is ours: the secrets and signatures of Standard Webhooks."""

import hmac
import secrets
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"
BYTES: Final = 32  # of a secret: the specification has 24 to 64


def new_secret() -> bytes:
    """Return a secret."""
    return secrets.token_bytes(BYTES)


def shown(secret: bytes) -> str:
    """Return a secret as receivers configure it."""
    return PREFIX + b64encode(secret).decode()


def stored(secret: bytes) -> bytes:
    """Return a secret as it is stored: the one place that sealing wraps."""
    return secret


def opened(secret: bytes) -> bytes:
    """Return what `stored` was given."""
    return secret


def headers(id: str, at: datetime, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """Return the headers of an attempt; several keys sign it while a secret is rotated."""
    seconds = str(int(at.timestamp()))
    signed = b".".join((id.encode(), seconds.encode(), body))
    signatures = [f"v1,{b64encode(hmac.digest(key, signed, 'sha256')).decode()}" for key in keys]
    return {"webhook-id": id, "webhook-timestamp": seconds, "webhook-signature": " ".join(signatures)}
