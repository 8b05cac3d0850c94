"""What the local provider gives: codes for one use, and tokens signed with keys that it changes."""

import base64
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from cli.login_provider.people import Person
from core.accounts.oauth.providers import LOCAL_IDS

ALGORITHM = "RS256"
TOKEN_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code is good for."""

    provider: str
    person: Person
    client_id: str
    redirect_uri: str
    nonce: str
    challenge: str


class Grants:
    """The codes and keys. Tests change what is in tokens: `claims` replaces claims, or leaves them out (None)."""

    def __init__(self) -> None:
        self.claims: dict[str, object] = {}
        self.header: dict[str, object] = {}
        self.repeats = False  # whether a code is good for more than one use
        self._codes: dict[str, Grant] = {}
        self._tokens: dict[str, Grant] = {}
        self._came = set[str]()  # subjects
        self._keys = [_new_key()]

    def rotate(self) -> None:
        """Sign with a new key; the one before is published no more."""
        self._keys = [_new_key()]

    def keys(self) -> object:
        """Return the JWK Set."""
        return KeySet(list(self._keys)).as_dict(use="sig", alg=ALGORITHM)

    def code(self, provider: str, person: Person, query: Mapping[str, str]) -> str:
        """Return a code for a person who has said who she is."""
        code = secrets.token_urlsafe(16)
        self._codes[code] = Grant(
            provider,
            person,
            query["client_id"],
            query["redirect_uri"],
            query.get("nonce", ""),
            query.get("code_challenge", ""),
        )
        return code

    def is_first(self, provider: str, person: Person) -> bool:
        """Say whether somebody comes for the first time; Apple tells a name then only."""
        subject = person.subject(provider)
        is_first = subject not in self._came
        self._came.add(subject)
        return is_first

    def use(self, provider: str, form: Mapping[str, str]) -> Grant | None:
        """Return what a code is good for, if all else in the form is right."""
        code = form.get("code", "")
        grant = self._codes.get(code) if self.repeats else self._codes.pop(code, None)
        challenge = _base64(sha256(form.get("code_verifier", "").encode()).digest())
        given = (provider, form.get("client_id"), form.get("redirect_uri"), challenge)
        if grant is None or given != (grant.provider, grant.client_id, grant.redirect_uri, grant.challenge):
            return None
        return grant

    def access_token(self, grant: Grant) -> str:
        """Return an access token."""
        token = secrets.token_urlsafe(16)
        self._tokens[token] = grant
        return token

    def of_token(self, token: str) -> Grant | None:
        """Return what an access token is of."""
        return self._tokens.get(token)

    def id_token(self, issuer: str, provider: str, person: Person, nonce: str, client_id: str = LOCAL_IDS[0]) -> str:
        """Return an ID token."""
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": issuer,
            "sub": person.subject(provider),
            "aud": client_id,
            "azp": client_id,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "nonce": nonce or None,
            "email": person.email,
            "email_verified": person.email_verified,
            "name": person.name,
            "hd": person.hd or None,
            **self.claims,
        }
        if provider == "apple":  # which puts texts where booleans belong, and names nowhere
            claims["email_verified"] = str(claims["email_verified"]).lower()
            del claims["name"]
        key = self._keys[0]
        header = {"alg": ALGORITHM, "kid": key.kid, **self.header}
        sent = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(header, sent, key, algorithms=[ALGORITHM])


def _new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"use": "sig", "alg": ALGORITHM}, auto_kid=True)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
