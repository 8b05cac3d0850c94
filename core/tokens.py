"""Access and refresh tokens: JWTs signed with the first key of the ring, verified with any of them."""

import base64
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal, TypedDict
from uuid import UUID

import jwt
import msgspec
from jwt.types import Options

from config.settings import Settings
from core import errors

ACCESS_LIFETIME = timedelta(minutes=15)
REFRESH_LIFETIME = timedelta(days=30)
ALGORITHM = "HS256"


class Validity(TypedDict):
    """The claims that say from when until when."""

    iat: int
    exp: int


class Access(msgspec.Struct, frozen=True, rename="camel"):
    """Claims of an access token (OnSwift: "userId, email, userType, iat, exp"; market, session and id are ours)."""

    user_id: UUID
    email: str
    user_type: str
    market: str
    session_id: UUID
    iat: int
    exp: int
    kind: Literal["access"] = "access"


class Refresh(msgspec.Struct, frozen=True, rename="camel"):
    """Claims of a refresh token (OnSwift: "userId, tokenId (for revocation), iat, exp")."""

    user_id: UUID
    token_id: UUID
    market: str
    iat: int
    exp: int
    kind: Literal["refresh"] = "refresh"


class _Header(msgspec.Struct):
    kid: str


class KeyRing:
    """The signing keys by id."""

    def __init__(self, settings: Settings) -> None:
        self._keys = dict(key.split(":", 1) for key in settings.jwt_keys)
        self._signer = next(iter(self._keys))

    def sign(self, claims: Access | Refresh) -> str:
        """Sign claims; the same claims and key give the same token."""
        payload = msgspec.to_builtins(claims)
        return jwt.encode(payload, self._keys[self._signer], algorithm=ALGORITHM, headers={"kid": self._signer})

    def access(self, token: str) -> Access:
        """Verify an access token; raise UNAUTHORIZED or TOKEN_EXPIRED."""
        try:
            return msgspec.convert(self._verified(token), Access)
        except msgspec.ValidationError:
            raise errors.UNAUTHORIZED.error("The token is not valid") from None

    def refresh(self, token: str) -> Refresh:
        """Verify a refresh token; raise INVALID_REFRESH_TOKEN."""
        try:
            return msgspec.convert(self._verified(token), Refresh)
        except (errors.AppError, msgspec.ValidationError):
            raise errors.INVALID_REFRESH_TOKEN.error() from None

    def _verified(self, token: str) -> dict[str, object]:
        try:
            key = self._keys[_key_id(token.partition(".")[0])]
            # `iat` is not compared with our clock: the machine that signed may be a little ahead.
            options: Options = {"require": ["exp", "iat"], "verify_iat": False}
            claims: dict[str, object] = jwt.decode(token, key, algorithms=[ALGORITHM], options=options)
        except jwt.ExpiredSignatureError:
            raise errors.TOKEN_EXPIRED.error() from None
        except (jwt.InvalidTokenError, msgspec.DecodeError, KeyError, TypeError, ValueError):
            raise errors.UNAUTHORIZED.error("The token is not valid") from None
        return claims


@lru_cache(maxsize=64)
def _key_id(header: str) -> str:
    """Return the key that a token names in its header: the same few headers come again and again."""
    padded = header.encode("ascii") + b"=" * (-len(header) % 4)
    return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=_Header).kid


def expiry(issued: datetime, lifetime: timedelta) -> Validity:
    """Return the `iat` and `exp` claims."""
    return {"iat": int(issued.timestamp()), "exp": int((issued + lifetime).timestamp())}
