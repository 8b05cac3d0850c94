"""Flows: logins by a provider that are under way. The server keeps nothing of one until it comes back.

What a flow is for travels through the provider as `state`, signed by us. It is good for ten minutes, for one use, and in one
browser only: that has a secret in a cookie, of which the state holds the hash. PKCE's verifier and the nonce are derived from
both, so neither a state nor a code that leaks is of use to anybody else.
"""

import base64
import hmac
import secrets
from datetime import timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec

from core.base import clock, errors
from core.base.ids import uuid7
from core.platform.db import Db, Run, Scalar
from core.platform.tokens import KeyRing
from core.work.context import User

LIFETIME: Final = timedelta(minutes=10)
MOST_LETTERS: Final = 2048
SECRET_LETTERS: Final = 43
_STATE, _NONCE = b"oauth state:", b"oauth nonce:"

USE = Scalar(UUID, "insert into used_flows (id, expires_at) values ($1, $2) on conflict do nothing returning id")
FORGET = Run(
    """
    delete from used_flows where id in (
        select id from used_flows where expires_at < $1 order by expires_at limit $2 for update skip locked
    )"""
)


class Flow(msgspec.Struct, frozen=True, array_like=True):
    """A login that was begun. `role`: what who is new signs up as; `user_id` and `session_id`: who links the provider."""

    id: UUID
    market: str
    provider: str
    browser: bytes
    expires_at: int
    role: str = ""
    page: str = ""
    user_id: UUID | None = None
    session_id: UUID | None = None

    @property
    def began_at(self) -> float:
        """When it was begun, in seconds since 1970."""
        return self.expires_at - LIFETIME.total_seconds()


def new_secret() -> str:
    """Return the secret of a browser, of SECRET_LETTERS."""
    return secrets.token_urlsafe(32)


def begun(market: str, provider: str, secret: str, page: str, *, role: str = "", user: User | None = None) -> Flow:
    """Return a flow of the browser with this secret; `user`: who links the provider in it."""
    expires_at = int((clock.now() + LIFETIME).timestamp())
    whose = (user.id, user.session_id) if user else (None, None)
    return Flow(uuid7(), market, provider, _hash(secret), expires_at, role, page, *whose)


def sign(keys: KeyRing, flow: Flow) -> str:
    """Return the state of a flow."""
    payload = _base64(msgspec.msgpack.encode(flow))
    return f"{payload}.{keys.derive(_STATE + payload.encode())[0]}"


def read(keys: KeyRing, state: str, market: str, provider: str, secret: str) -> Flow:
    """Return the flow of a state that comes back in its browser; raises OAUTH_STATE_INVALID."""
    payload, _, signature = state.partition(".")
    if len(state) > MOST_LETTERS or not _is_signed(keys, _STATE + payload.encode(errors="replace"), signature):
        raise _invalid()
    try:
        flow = msgspec.msgpack.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), type=Flow)
    except msgspec.DecodeError:  # signed by a version that says it otherwise
        raise _invalid() from None
    is_meant = (flow.market, flow.provider) == (market, provider) and hmac.compare_digest(flow.browser, _hash(secret))
    if not is_meant or flow.expires_at <= clock.now().timestamp():
        raise _invalid()
    return flow


async def use(db: Db, id: UUID) -> None:
    """Use a flow up, or the nonce of an app; raises OAUTH_STATE_INVALID if it was used before."""
    if await USE(db, id, clock.now() + LIFETIME) is None:
        raise _invalid()


def verifier(flow: Flow, secret: str) -> str:
    """Return the code verifier of PKCE (RFC 7636)."""
    return _derived("verifier", flow, secret)


def challenge(flow: Flow, secret: str) -> str:
    """Return its S256 challenge."""
    return _base64(sha256(verifier(flow, secret).encode()).digest())


def nonce(flow: Flow, secret: str) -> str:
    """Return what the ID token of a flow has to hold."""
    return _derived("nonce", flow, secret)


def new_nonce(keys: KeyRing) -> str:
    """Return a nonce for an app that brings an ID token."""
    id = uuid7()
    return f"{id.hex}.{keys.derive(_NONCE + id.bytes)[0]}"


def read_nonce(keys: KeyRing, given: str) -> tuple[UUID, float]:
    """Return the id of a nonce that we gave an app, and when (seconds since 1970); raises OAUTH_STATE_INVALID."""
    name, _, signature = given.partition(".")
    try:
        id = UUID(hex=name)
    except ValueError:
        raise _invalid() from None
    began_at = (id.int >> 80) / 1000  # a UUIDv7 begins with its milliseconds
    age = clock.now().timestamp() - began_at
    if id.hex != name or not _is_signed(keys, _NONCE + id.bytes, signature) or age >= LIFETIME.total_seconds():
        raise _invalid()
    return id, began_at


def code_hash(code: str, secret: str) -> bytes:
    """Return what is stored of the code that a browser gets at the end; without its secret the code finds nothing."""
    return _hash(f"{code} {secret}")


def _is_signed(keys: KeyRing, name: bytes, signature: str) -> bool:
    given = signature.encode(errors="replace")
    return any(hmac.compare_digest(given, one.encode()) for one in keys.derive(name))


def _derived(what: str, flow: Flow, secret: str) -> str:
    return _base64(_hash(f"{what} {flow.id} {secret}"))


def _hash(text: str) -> bytes:
    return sha256(text.encode(errors="replace")).digest()


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _invalid() -> errors.AppError:
    return errors.OAUTH_STATE_INVALID.error()
