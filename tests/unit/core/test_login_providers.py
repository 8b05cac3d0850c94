"""Which providers the settings make, and which hosts are asked."""

from pathlib import Path

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from config.settings import Settings, SettingsError, load, masked
from core.accounts.oauth.id_tokens import Claims
from core.accounts.oauth.oidc import Oidc
from core.accounts.oauth.profile import UNNAMED, storable_name
from core.accounts.oauth.providers import APPLE, providers_of
from core.platform.outgoing import is_allowed

LOCAL = "http://127.0.0.1:4000"


def with_apple(path: Path) -> Settings:
    return Settings(
        apple_client_ids=("com.example.web", "com.example.app"),
        apple_team_id="TEAM",
        apple_key_id="KEY",
        apple_key=str(path),
    )


def test_without_ids_there_are_no_providers() -> None:
    assert providers_of(Settings()) == {}


def test_the_local_one_plays_those_without_ids_only() -> None:
    providers = providers_of(Settings(oauth_local_url=LOCAL, google_client_ids=("web",), google_client_secret="s"))
    assert {name: one.posts_back for name, one in providers.items()} == {
        "google": False,
        "apple": True,
        "facebook": False,
    }
    google, apple = providers["google"], providers["apple"]
    assert isinstance(google, Oidc)
    assert isinstance(apple, Oidc)
    assert "127.0.0.1" not in str(google.issuer)
    assert apple.issuer.hosts == {"127.0.0.1:4000"}


def test_apple_gets_a_fresh_secret_that_our_key_signs(tmp_path: Path) -> None:
    key, path = ECKey.generate_key("P-256"), tmp_path / "key.p8"
    path.write_bytes(key.as_pem(private=True))
    apple = providers_of(with_apple(path))["apple"]
    assert isinstance(apple, Oidc)
    token = jwt.decode(apple.secret(), key, algorithms=["ES256"])
    claims = token.claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("TEAM", "com.example.web", APPLE)
    assert claims["exp"] - claims["iat"] == 600
    assert token.header["kid"] == "KEY"


def test_a_key_that_cannot_be_read_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "key.p8"
    with pytest.raises(SettingsError, match="cannot be read"):
        providers_of(with_apple(path))
    path.write_text("no key")
    with pytest.raises(SettingsError, match="is no private key"):
        providers_of(with_apple(path))


@pytest.mark.parametrize(
    ("provider", "email", "hd", "hosts"),
    [
        ("google", "a@gmail.com", "", True),
        ("google", "a@company.example", "company.example", True),
        ("google", "a@company.example", "", False),
        ("google", "a@gmail.com.evil.example", "", False),
        ("apple", "a@icloud.com", "", True),
        ("apple", "a@privaterelay.appleid.com", "", True),
        ("apple", "a@gmail.com", "", False),
    ],
)
def test_a_provider_speaks_for_mailboxes_that_it_runs(provider: str, email: str, hd: str, *, hosts: bool) -> None:
    one = providers_of(Settings(oauth_local_url=LOCAL))[provider]
    assert isinstance(one, Oidc)
    assert one.hosts_email(Claims("iss", "sub", "aud", 1, 1, email=email, hd=hd)) is hosts


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://accounts.example/keys", True),
        ("https://accounts.example:443/keys", False),
        ("https://accounts.example@evil.example/", False),
        ("https://evil.example/accounts.example", False),
        ("http://accounts.example/keys", False),
        ("http://127.0.0.1:4000/keys", True),
        ("http://127.0.0.1:4001/keys", False),
        ("http://127.0.0.1:4000@evil.example/", False),
        ("file:///keys", False),
        ("//accounts.example/keys", False),
        ("https://[", False),
    ],
)
def test_only_named_hosts_are_asked(url: str, *, allowed: bool) -> None:
    assert is_allowed(url, {"accounts.example", "127.0.0.1:4000"}) is allowed


def test_a_local_provider_is_on_this_machine() -> None:
    assert load({"GREENROOM_OAUTH_LOCAL_URL": LOCAL}).oauth_local_url == LOCAL
    for url in (
        "http://evil.example:80",
        "https://127.0.0.1:4000",
        "http://127.0.0.1:4000/a",
        "http://127.0.0.1.evil:80",
    ):
        with pytest.raises(SettingsError):
            load({"GREENROOM_OAUTH_LOCAL_URL": url})


def test_secrets_of_providers_are_not_shown() -> None:
    settings = Settings(google_client_secret="hush-google", facebook_app_secret="hush-facebook")
    assert "hush" not in msgspec.json.encode(masked(settings)).decode()


@pytest.mark.parametrize(
    ("given", "stored"), [(" Ada \u200b", "Ada"), ("", UNNAMED), ("\u200b", UNNAMED), ("a\nb", UNNAMED)]
)
def test_names_of_providers_are_stored_as_ours_are(given: str, stored: str) -> None:
    assert storable_name(given) == stored
