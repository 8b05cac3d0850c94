"""Access, refresh, CSRF and device tokens, and those in file links: JWTs (HS256, RFC 7515).

They are signed with the first key of the ring and verified with any of them. Implemented here because every connection is
checked: a general library took five times as long, a tenth of the cost of a connect.
"""

import base64
import hmac
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Literal, TypedDict, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from config.settings import Settings
from core.base import clock, errors

ACCESS_LIFETIME = timedelta(minutes=15)
REFRESH_LIFETIME = timedelta(days=30)
ALGORITHM = "HS256"


class Validity(TypedDict):
    """The claims with issue and expiry time."""

    iat: int
    exp: int


class Access(msgspec.Struct, frozen=True, rename="camel"):
    """Claims of an access token (OnSwift: "userId, email, userType, iat, exp"; market and session are ours).

    `iss` and `aud` are for those who look at tokens beside us, where a marketplace names them; we go by `market`.
    """

    user_id: UUID
    email: str | None
    user_type: str
    market: str
    session_id: UUID
    iat: int
    exp: int
    kind: Literal["access"] = "access"
    iss: str | UnsetType = UNSET
    aud: str | UnsetType = UNSET


class Refresh(msgspec.Struct, frozen=True, rename="camel"):
    """Claims of a refresh token (OnSwift: "userId, tokenId (for revocation), iat, exp")."""

    user_id: UUID
    token_id: UUID
    market: str
    iat: int
    exp: int
    kind: Literal["refresh"] = "refresh"


class Csrf(msgspec.Struct, frozen=True, rename="camel"):
    """Claims of a CSRF token. `session_id`: the session whose requests it protects; None: no session."""

    session_id: UUID | None
    iat: int
    exp: int
    kind: Literal["csrf"] = "csrf"


class Device(msgspec.Struct, frozen=True):
    """Claims of a device token: when (microseconds since 1970) each user was last logged in there."""

    device: UUID
    users: dict[UUID, int]
    iat: int
    exp: int
    kind: Literal["device"] = "device"


class FileLink(msgspec.Struct, frozen=True, rename="camel"):
    """Claims of an upload or download link, valid while its user has permission and the login lasts.

    `is_shown`: a page shows the file, so the browser may cache it for some minutes.
    """

    file_id: UUID
    user_id: UUID
    iat: int
    exp: int
    kind: Literal["upload", "download"]
    variant: Literal["original", "thumbnail"] = "original"
    session_id: UUID | None = None  # None: for somebody who reviews the file of this user, for some minutes
    is_shown: bool = False


class _Header(msgspec.Struct):
    kid: str
    alg: Literal["HS256"]


Claims = TypeVar("Claims", Access, Refresh, Csrf, Device, FileLink)

_ACCESS = msgspec.json.Decoder(Access)
_REFRESH = msgspec.json.Decoder(Refresh)
_CSRF = msgspec.json.Decoder(Csrf)
_DEVICE = msgspec.json.Decoder(Device)
_FILE_LINK = msgspec.json.Decoder(FileLink)


class KeyRing:
    """The signing keys by id, each as a prepared HMAC: preparing one costs more than the rest of a check."""

    def __init__(self, settings: Settings) -> None:
        secrets = dict(key.split(":", 1) for key in settings.jwt_keys)
        self._keys = {name: hmac.new(secret.encode(), digestmod=sha256) for name, secret in secrets.items()}
        self._signer = next(iter(self._keys))
        self._header = _base64(msgspec.json.encode({"alg": ALGORITHM, "kid": self._signer, "typ": "JWT"}))

    def sign(self, claims: Access | Refresh | Csrf | Device | FileLink) -> str:
        """Sign claims; the same claims and key give the same token."""
        signed = self._header + b"." + _base64(msgspec.json.encode(claims))
        return (signed + b"." + self._signature(self._signer, signed)).decode()

    def derive(self, name: bytes) -> list[str]:
        """Return the secret that each key derives from a name, the signer's first, so that it need not be stored."""
        # No token is signed over these bytes: each begins with the base64 of its header.
        return [self._signature(key, b"derived:" + name).decode() for key in self._keys]

    def access(self, token: str) -> Access:
        """Verify an access token; raise UNAUTHORIZED or TOKEN_EXPIRED."""
        return self._verified(token, _ACCESS)

    def refresh(self, token: str) -> Refresh:
        """Verify a refresh token; raise INVALID_REFRESH_TOKEN."""
        try:
            return self._verified(token, _REFRESH)
        except errors.AppError:
            raise errors.INVALID_REFRESH_TOKEN.error() from None

    def csrf(self, token: str) -> Csrf:
        """Verify a CSRF token; raise CSRF_TOKEN_INVALID."""
        try:
            return self._verified(token, _CSRF)
        except errors.AppError:
            raise errors.CSRF_TOKEN_INVALID.error() from None

    def device(self, token: str) -> Device | None:
        """Return the claims of a device token; None if it is invalid or has expired."""
        try:
            return self._verified(token, _DEVICE)
        except errors.AppError:
            return None

    def file_link(self, token: str, kind: Literal["upload", "download"]) -> FileLink:
        """Verify the token of a link to a file; raise FORBIDDEN."""
        try:
            link = self._verified(token, _FILE_LINK)
        except errors.AppError:
            raise errors.FORBIDDEN.error("The link is not valid, or no longer") from None
        if link.kind != kind:
            raise errors.FORBIDDEN.error("The link is for something else")
        return link

    def _verified(self, token: str, decoder: msgspec.json.Decoder[Claims]) -> Claims:
        try:
            claims = decoder.decode(self._payload(token))
        except (KeyError, ValueError):  # the errors of msgspec and base64 are ValueErrors too
            raise errors.UNAUTHORIZED.error("The token is not valid") from None
        if claims.exp <= clock.now().timestamp():
            raise errors.TOKEN_EXPIRED.error()
        return claims

    def _payload(self, token: str) -> bytes:
        """Return the payload signed by one of our keys; raises KeyError for an unknown key, ValueError for an invalid token."""
        signed, _, signature = token.encode().rpartition(b".")
        header, _, payload = signed.partition(b".")
        if not hmac.compare_digest(self._signature(_key_id(header), signed), signature):
            raise ValueError
        return _from_base64(payload)

    def _signature(self, key: str, signed: bytes) -> bytes:
        mac = self._keys[key].copy()
        mac.update(signed)
        return _base64(mac.digest())


@lru_cache(maxsize=64)
def _key_id(header: bytes) -> str:
    """Return the key id in a token's header; cached, because there are only a few different headers."""
    return msgspec.json.decode(_from_base64(header), type=_Header).kid


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _from_base64(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def expiry(issued: datetime, lifetime: timedelta) -> Validity:
    """Return the `iat` and `exp` claims."""
    return {"iat": int(issued.timestamp()), "exp": int((issued + lifetime).timestamp())}
