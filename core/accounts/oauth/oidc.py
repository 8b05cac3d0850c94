"""Providers that speak OpenID Connect: Google and Apple. Where their calls are, they say themselves (discovery)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

import msgspec

from core.accounts.oauth.id_tokens import Claims, Issuer, nonces_of_app, verified
from core.accounts.oauth.profile import Asked, Profile, asking, decoded
from core.platform.outgoing import Outgoing, OutgoingError, is_allowed


class Discovered(msgspec.Struct, frozen=True):
    """What we need of a discovery document."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class Granted(msgspec.Struct, frozen=True):
    """The answer to a code. The access token in it is of no use to us, so it is not even read."""

    id_token: str


class AppleName(msgspec.Struct, frozen=True, rename="camel"):
    first_name: str = ""
    last_name: str = ""


class AppleUser(msgspec.Struct, frozen=True):
    name: AppleName = AppleName()


@dataclass(frozen=True, slots=True)
class Oidc:
    """A provider. `secret` makes the secret of the first client id; `hosts_email` says whether it runs an address's mailbox."""

    name: str
    issuer: Issuer
    discovery: str
    secret: Callable[[], str]
    hosts_email: Callable[[Claims], bool]
    posts_back: bool = False
    more: dict[str, str] = field(default_factory=dict)  # parameters of its own

    async def authorize(self, outgoing: Outgoing, asked: Asked) -> str:
        """Return the address at which somebody says who she is."""
        with asking(self.name):
            discovered = await self._discovered(outgoing)
        query = {
            "response_type": "code",
            "client_id": self.issuer.client_ids[0],
            "redirect_uri": asked.redirect_uri,
            "state": asked.state,
            "nonce": asked.nonce,
            "code_challenge": asked.challenge,
            "code_challenge_method": "S256",
            **self.more,
        }
        return f"{discovered.authorization_endpoint}?{urlencode(query)}"

    async def by_code(self, outgoing: Outgoing, code: str, asked: Asked, user: str) -> Profile:
        """Return who came back with a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": asked.redirect_uri,
            "client_id": self.issuer.client_ids[0],
            "client_secret": self.secret(),
            "code_verifier": asked.verifier,
        }
        with asking(self.name):
            discovered = await self._discovered(outgoing)
            fetched = await outgoing.post(discovered.token_endpoint, self.issuer.hosts, form)
            token = decoded(fetched, Granted).id_token
            claims = await verified(outgoing, token, self.issuer, discovered.jwks_uri, [asked.nonce], asked.began_at)
        return self._profile(claims, _name_of(user))

    async def by_token(self, outgoing: Outgoing, token: str, nonce: str, began_at: float) -> Profile:
        """Return whom the ID token of an app is of."""
        with asking(self.name):
            keys_url = (await self._discovered(outgoing)).jwks_uri
            claims = await verified(outgoing, token, self.issuer, keys_url, nonces_of_app(nonce), began_at)
        return self._profile(claims, "")

    async def _discovered(self, outgoing: Outgoing) -> Discovered:
        hosts = self.issuer.hosts
        try:
            discovered = msgspec.json.decode(await outgoing.document(self.discovery, hosts), type=Discovered)
        except (ValueError, RecursionError):
            raise OutgoingError("the discovery document is no JSON that we know") from None
        urls = (discovered.authorization_endpoint, discovered.token_endpoint, discovered.jwks_uri)
        if discovered.issuer not in self.issuer.issuers or not all(is_allowed(url, hosts) for url in urls):
            raise OutgoingError("the discovery document is of somebody else")
        return discovered

    def _profile(self, claims: Claims, given: str) -> Profile:
        email = claims.email if claims.is_verified else None
        return Profile(self.name, claims.sub, claims.name or given, email, bool(email) and self.hosts_email(claims))


def _name_of(user: str) -> str:
    """Return the name in the form of Apple, which sends it once, when somebody comes for the first time."""
    try:
        name = msgspec.json.decode(user or "{}", type=AppleUser).name
    except (ValueError, RecursionError):
        return ""
    return f"{name.first_name} {name.last_name}".strip()
