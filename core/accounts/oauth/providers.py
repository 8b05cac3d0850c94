"""The providers that the settings know. What has no client ids there is played by the local one, if there is that."""

from functools import lru_cache, partial
from pathlib import Path
from typing import Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from config.settings import Settings, SettingsError
from core.accounts.oauth.facebook import Facebook
from core.accounts.oauth.id_tokens import Claims, Issuer
from core.accounts.oauth.oidc import Oidc
from core.accounts.oauth.profile import Provider
from core.base import clock

GOOGLE: Final = "https://accounts.google.com"
GOOGLE_HOSTS: Final = frozenset({"accounts.google.com", "oauth2.googleapis.com", "www.googleapis.com"})
APPLE: Final = "https://appleid.apple.com"
FACEBOOK: Final = "https://www.facebook.com"
DISCOVERY: Final = "/.well-known/openid-configuration"
APPLE_SECRET_SECONDS: Final = 600  # Apple takes half a year at the most; one is made for each login
LOCAL_IDS: Final = ("local-web", "local-app")
LOCAL_SECRET: Final = "local-secret"  # noqa: S105 - of nobody


@lru_cache(maxsize=4)
def providers_of(settings: Settings) -> dict[str, Provider]:
    """Return the providers by their names; raises SettingsError."""
    return {one.name: one for one in (_google(settings), _apple(settings), _facebook(settings)) if one}


def _google(settings: Settings) -> Provider | None:
    more = {"scope": "openid email profile", "prompt": "select_account"}
    if ids := settings.google_client_ids:
        # In old flows its name has no https.
        issuer = Issuer((GOOGLE, "accounts.google.com"), ids, GOOGLE_HOSTS)
        return Oidc("google", issuer, GOOGLE + DISCOVERY, lambda: settings.google_client_secret, _at_google, more=more)
    return _local(settings, "google", more, posts_back=False)


def _apple(settings: Settings) -> Provider | None:
    # Asked for a name or an address, it answers with a form only.
    more = {"scope": "name email", "response_mode": "form_post"}
    if ids := settings.apple_client_ids:
        issuer = Issuer((APPLE,), ids, frozenset({"appleid.apple.com"}))
        secret = partial(_apple_secret, settings, _apple_key(settings.apple_key))
        return Oidc("apple", issuer, APPLE + DISCOVERY, secret, _at_apple, posts_back=True, more=more)
    return _local(settings, "apple", more, posts_back=True)


def _facebook(settings: Settings) -> Provider | None:
    if id := settings.facebook_app_id:
        issuer = Issuer((FACEBOOK,), (id,), frozenset({"graph.facebook.com", "limited.facebook.com"}))
        keys_url = "https://limited.facebook.com/.well-known/oauth/openid/jwks/"
        dialog, graph = f"{FACEBOOK}/dialog/oauth", "https://graph.facebook.com"
        return Facebook("facebook", issuer, settings.facebook_app_secret, dialog, graph, keys_url)
    if not settings.oauth_local_url:
        return None
    url = f"{settings.oauth_local_url}/facebook"
    issuer = _local_issuer(settings, "facebook", LOCAL_IDS[:1])
    return Facebook("facebook", issuer, LOCAL_SECRET, f"{url}/authorize", url, f"{url}/keys")


def _local(settings: Settings, name: str, more: dict[str, str], *, posts_back: bool) -> Provider | None:
    if not settings.oauth_local_url:
        return None
    issuer = _local_issuer(settings, name, LOCAL_IDS)
    hosts_email = _at_google if name == "google" else _at_apple
    return Oidc(name, issuer, issuer.issuers[0] + DISCOVERY, lambda: LOCAL_SECRET, hosts_email, posts_back, more=more)


def _local_issuer(settings: Settings, name: str, ids: tuple[str, ...]) -> Issuer:
    url = settings.oauth_local_url
    return Issuer((f"{url}/{name}",), ids, frozenset({url.removeprefix("http://")}))


def _at_google(claims: Claims) -> bool:
    """Say whether Google runs the mailboxes of an address: others it has verified once, and they may be someone else's by now."""
    return bool(claims.hd) or (claims.email or "").lower().endswith("@gmail.com")


def _at_apple(claims: Claims) -> bool:
    """Say whether Apple runs the mailboxes of an address: its own, and those that it makes up for each site."""
    domain = (claims.email or "").lower().rpartition("@")[2]
    return domain in ("icloud.com", "me.com", "mac.com", "privaterelay.appleid.com")


def _apple_key(path: str) -> ECKey:
    try:
        return ECKey.import_key(Path(path).read_bytes())
    except OSError as error:
        raise SettingsError(f"GREENROOM_APPLE_KEY={path} cannot be read: {error.strerror}") from None
    except (JoseError, ValueError):
        raise SettingsError(f"GREENROOM_APPLE_KEY={path} is no private key") from None


def _apple_secret(settings: Settings, key: ECKey) -> str:
    """Return the secret that Apple asks for: a claim that its key signs."""
    now = int(clock.now().timestamp())
    claims = {
        "iss": settings.apple_team_id,
        "sub": settings.apple_client_ids[0],
        "aud": APPLE,
        "iat": now,
        "exp": now + APPLE_SECRET_SECONDS,
    }
    return jwt.encode({"alg": "ES256", "kid": settings.apple_key_id}, claims, key, algorithms=["ES256"])
