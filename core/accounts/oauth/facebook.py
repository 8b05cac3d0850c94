"""Facebook: OAuth 2.0 and its Graph API for browsers; apps bring an access token or, without tracking (iOS), an ID token.

It does not prove addresses, so none that it gives is taken.
"""

import hmac
from dataclasses import dataclass
from urllib.parse import urlencode

import msgspec

from core.accounts.oauth.id_tokens import Issuer, nonces_of_app, verified
from core.accounts.oauth.profile import Asked, Profile, asking, decoded
from core.base import errors
from core.platform.outgoing import Outgoing

MOST_LETTERS = 4096


class Granted(msgspec.Struct, frozen=True):
    access_token: str


class Facts(msgspec.Struct, frozen=True):
    """What Facebook says of an access token."""

    is_valid: bool = False
    app_id: str = ""
    user_id: str = ""
    type: str = ""


class Inspected(msgspec.Struct, frozen=True):
    data: Facts


class Me(msgspec.Struct, frozen=True):
    id: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Facebook:
    """The provider. `dialog` and `graph` are where its page and its API are, `keys_url` those of its ID tokens."""

    name: str
    issuer: Issuer
    secret: str
    dialog: str
    graph: str
    keys_url: str
    posts_back: bool = False

    @property
    def _app(self) -> str:
        return self.issuer.client_ids[0]

    async def authorize(self, _outgoing: Outgoing, asked: Asked) -> str:
        """Return the address at which somebody says who she is."""
        query = {
            "response_type": "code",
            "client_id": self._app,
            "redirect_uri": asked.redirect_uri,
            "state": asked.state,
            "scope": "public_profile",
            "code_challenge": asked.challenge,
            "code_challenge_method": "S256",
        }
        return f"{self.dialog}?{urlencode(query)}"

    async def by_code(self, outgoing: Outgoing, code: str, asked: Asked, _user: str) -> Profile:
        """Return who came back with a code."""
        form = {
            "client_id": self._app,
            "client_secret": self.secret,
            "redirect_uri": asked.redirect_uri,
            "code": code,
            "code_verifier": asked.verifier,
        }
        with asking(self.name):
            fetched = await outgoing.post(f"{self.graph}/oauth/access_token", self.issuer.hosts, form)
            return await self._of_access_token(outgoing, decoded(fetched, Granted).access_token)

    async def by_token(self, outgoing: Outgoing, token: str, nonce: str, began_at: float) -> Profile:
        """Return whom the token of an app is of."""
        if len(token) > MOST_LETTERS:  # no URL takes more, nor does any token of theirs have them
            raise errors.OAUTH_TOKEN_INVALID.error()
        with asking(self.name):
            if token.count(".") != 2:
                return await self._of_access_token(outgoing, token)
            nonces = nonces_of_app(nonce)
            claims = await verified(outgoing, token, self.issuer, self.keys_url, nonces, began_at)
        return Profile(self.name, claims.sub, claims.name)

    async def _of_access_token(self, outgoing: Outgoing, token: str) -> Profile:
        """Ask whose token it is, and of which app: those of other apps log nobody in here."""
        hosts, graph = self.issuer.hosts, self.graph
        query = {"input_token": token, "access_token": f"{self._app}|{self.secret}"}
        facts = decoded(await outgoing.get(f"{graph}/debug_token", hosts, query), Inspected).data
        if not facts.is_valid or facts.app_id != self._app or facts.type != "USER" or not facts.user_id:
            raise errors.OAUTH_TOKEN_INVALID.error()
        proof = hmac.new(self.secret.encode(), token.encode(), "sha256").hexdigest()
        query = {"fields": "id,name", "access_token": token, "appsecret_proof": proof}
        me = decoded(await outgoing.get(f"{graph}/me", hosts, query), Me)
        if me.id != facts.user_id:
            raise errors.OAUTH_TOKEN_INVALID.error()
        return Profile(self.name, me.id, me.name)
