"""ID tokens of OpenID Connect: the signature by a key that the provider publishes, then every claim by name.

The library verifies signatures and nothing else, so each claim is looked at here (OpenID Connect Core, 3.1.3.7).
"""

import base64
import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from core.accounts.oauth.profile import MAX_SUBJECT
from core.base import clock, errors
from core.platform.outgoing import Outgoing, OutgoingError

MOST_LETTERS: Final = 8192
ALGORITHM: Final = "RS256"  # of all providers here; never what a token says of itself
LEAST_BITS, MOST_BITS = 2048, 8192  # of a key
LEEWAY: Final = 60.0  # seconds by which a provider's clock and ours may differ


class Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str
    crit: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Claims(msgspec.Struct, frozen=True):
    """What an ID token says, in the types that it must have. Booleans come as texts as well."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: int | float
    iat: int | float
    nbf: int | float = 0
    nonce: str = ""
    azp: str | None = None
    email: str | None = None
    email_verified: bool | str = False
    name: str = ""
    hd: str = ""

    @property
    def is_verified(self) -> bool:
        """Whether the provider has verified the address."""
        return str(self.email_verified).lower() == "true"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose tokens are taken, and for whom: `client_ids` are ours, of the web and of apps."""

    issuers: tuple[str, ...]
    client_ids: tuple[str, ...]
    hosts: frozenset[str]


class Key(msgspec.Struct, frozen=True):
    kty: str = ""
    kid: str = ""
    use: str = "sig"
    alg: str = ALGORITHM
    n: str = ""
    e: str = ""


class Keys(msgspec.Struct, frozen=True):
    keys: list[Key]


async def verified(
    outgoing: Outgoing, token: str, issuer: Issuer, keys_url: str, nonces: Sequence[str], began_at: float
) -> Claims:
    """Return the claims of a token that was issued for us, after `began_at`, with one of these nonces.

    Raises OAUTH_TOKEN_INVALID, OutgoingError.
    """
    header = _header(token)
    key = await _key(outgoing, keys_url, issuer.hosts, header.kid)
    claims = _claims(token, key)
    checks = (
        claims.iss in issuer.issuers,
        _is_for(claims, issuer.client_ids),
        _is_timely(claims, began_at),
        any(hmac.compare_digest(claims.nonce.encode(), nonce.encode()) for nonce in nonces),
        0 < len(claims.sub) <= MAX_SUBJECT and "\0" not in claims.sub,
    )
    if not all(checks):
        raise _invalid()
    return claims


def nonces_of_app(nonce: str) -> tuple[str, str]:
    """Return the forms in which the token of an app may hold its nonce: apps give Apple its SHA-256 in hex."""
    return nonce, sha256(nonce.encode()).hexdigest()


def _is_for(claims: Claims, client_ids: Collection[str]) -> bool:
    """Say whether a token is for us. Who presents it (azp) must be us as well, and be named where it is for several."""
    audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if claims.azp is None:
        return len(audience) == 1 and audience[0] in client_ids
    return claims.azp in client_ids and any(one in client_ids for one in audience)


def _is_timely(claims: Claims, began_at: float) -> bool:
    now = clock.now().timestamp()
    return now < claims.exp + LEEWAY and claims.nbf <= now + LEEWAY and began_at - LEEWAY <= claims.iat <= now + LEEWAY


def _header(token: str) -> Header:
    if len(token) > MOST_LETTERS or token.count(".") != 2:
        raise _invalid()
    encoded = token.partition(".")[0]
    try:
        header = msgspec.json.decode(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)), type=Header)
    except (ValueError, RecursionError):  # which those of msgspec and base64 are
        raise _invalid() from None
    if header.alg != ALGORITHM or header.crit is not msgspec.UNSET:
        raise _invalid()
    return header


def _claims(token: str, key: RSAKey) -> Claims:
    try:
        return msgspec.convert(jwt.decode(token, key, algorithms=[ALGORITHM]).claims, Claims)
    except (JoseError, ValueError, RecursionError):
        raise _invalid() from None


async def _key(outgoing: Outgoing, url: str, hosts: frozenset[str], kid: str) -> RSAKey:
    """Return a key of a provider. One that is unknown may be new, so they are read again, but not for each such token."""
    for anew in (False, True):
        if key := _find(await outgoing.document(url, hosts, anew=anew), kid):
            return key
    raise _invalid()


@lru_cache(maxsize=64)
def _find(document: bytes, kid: str) -> RSAKey | None:
    try:
        keys = msgspec.json.decode(document, type=Keys).keys
    except (ValueError, RecursionError):
        raise OutgoingError("the keys are no JSON that we know") from None
    for one in keys:
        if (one.kid, one.kty, one.use, one.alg) == (kid, "RSA", "sig", ALGORITHM):
            return _imported(one)
    return None


def _imported(key: Key) -> RSAKey | None:
    try:
        imported = RSAKey.import_key({"kty": "RSA", "n": key.n, "e": key.e})
        bits = imported.public_key.key_size
    except (JoseError, ValueError):
        return None
    return imported if LEAST_BITS <= bits <= MOST_BITS else None


def _invalid() -> errors.AppError:
    return errors.OAUTH_TOKEN_INVALID.error()
