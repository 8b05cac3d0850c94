"""config/settings.py: what is accepted, what is refused and how, what is shown."""

from pathlib import Path

import pytest

from config.settings import FIELDS, Settings, SettingsError, load, markdown, masked

KEY = "k1:" + "s" * 32
OTHER = "0190a0f0-aaaa-7000-aaaa-00000190a0f1"
USER = "0190a0f0-aaaa-7000-aaaa-00000190a0f0"


def test_an_empty_environment_gives_the_defaults() -> None:
    assert load({}) == Settings()
    assert load({"PATH": "/bin", "GREENROOM_PORT": ""}) == Settings()


def test_each_variable_sets_its_field() -> None:
    environ = {
        "GREENROOM_HOST": "0.0.0.0",
        "GREENROOM_PORT": "0",
        "GREENROOM_PUBLIC_URL": "https://chat.example.com",
        "GREENROOM_DATA_DIR": "/srv/with space",
        "GREENROOM_DATABASE_URL": "postgresql://u:p@a:1,b:2/name",
        "GREENROOM_DATABASE_REPLICA_URL": "postgresql://replica/db",
        "GREENROOM_DATABASE_STATEMENTS": "unnamed",
        "GREENROOM_DATABASE_POOL": "3",
        "GREENROOM_REDIS_URLS": "redis://:p@one:1/0, unix:///run/two.sock?db=1,redis+sentinel://a:1,b,c:3/chat?db=1, rediss://d",
        "GREENROOM_JOBS_REDIS_URL": "redis://three",
        "GREENROOM_S3_URL": "https://s3.example.com",
        "GREENROOM_S3_BUCKET": "our-files",
        "GREENROOM_S3_REGION": "eu-west-1",
        "GREENROOM_S3_KEY": "key",
        "GREENROOM_S3_SECRET": "hunter2",
        "GREENROOM_S3_LINKS": "proxied",
        "GREENROOM_CLAMD_URL": "tcp://clamd:3310",
        "GREENROOM_MARKETPLACES": "onswift,takeone",
        "GREENROOM_JWT_KEYS": f"{KEY},k0:{'/' * 40}",
        "GREENROOM_OPERATOR_TOKENS": f"ann:{'o' * 32}",
        "GREENROOM_CORS_ORIGINS": "https://a.example,http://localhost:3000",
        "GREENROOM_TRUSTED_PROXIES": "10.0.0.0/8,::1",
        "GREENROOM_RATE_LIMITS": "off",
        "GREENROOM_RAISED_LIMITS": f"{USER}:10, {OTHER}:1000",
        "GREENROOM_SMTP_URL": "smtps://u:p@mail:465",
        "GREENROOM_MAIL_FROM": "Chat <chat@example.com>",
        "GREENROOM_EDITS_RETENTION_DAYS": "7",
        "GREENROOM_SMS": "print",
        "GREENROOM_FCM_CREDENTIALS": "/srv/firebase.json",
        "GREENROOM_GOOGLE_CLIENT_IDS": "web.example.com,app.example.com",
        "GREENROOM_GOOGLE_CLIENT_SECRET": "hunter3",
        "GREENROOM_APPLE_CLIENT_IDS": "com.example.web",
        "GREENROOM_APPLE_TEAM_ID": "TEAM",
        "GREENROOM_APPLE_KEY_ID": "KEY",
        "GREENROOM_APPLE_KEY": "/srv/apple.p8",
        "GREENROOM_FACEBOOK_APP_ID": "123",
        "GREENROOM_FACEBOOK_APP_SECRET": "hunter4",
        "GREENROOM_OAUTH_LOCAL_URL": "http://127.0.0.1:4000",
        "GREENROOM_PAYMENTS_SANDBOX_URL": "http://127.0.0.1:4001",
        "GREENROOM_LOG_LEVEL": "DEBUG",
        "GREENROOM_LOG_FORMAT": "json",
        "GREENROOM_SENTRY_DSN": "https://key@sentry.example.com/1",
        "GREENROOM_OTLP_ENDPOINT": "http://collector:4318",
    }
    assert set(environ) == set(FIELDS)
    assert load(environ) == Settings(
        host="0.0.0.0",
        port=0,
        public_url="https://chat.example.com",
        data_dir="/srv/with space",
        database_url="postgresql://u:p@a:1,b:2/name",
        database_replica_url="postgresql://replica/db",
        database_statements="unnamed",
        database_pool=3,
        redis_urls=(
            "redis://:p@one:1/0",
            "unix:///run/two.sock?db=1",
            "redis+sentinel://a:1,b,c:3/chat?db=1",
            "rediss://d",
        ),
        jobs_redis_url="redis://three",
        s3_url="https://s3.example.com",
        s3_bucket="our-files",
        s3_region="eu-west-1",
        s3_key="key",
        s3_secret="hunter2",
        s3_links="proxied",
        clamd_url="tcp://clamd:3310",
        marketplaces=("onswift", "takeone"),
        jwt_keys=(KEY, f"k0:{'/' * 40}"),
        operator_tokens=(f"ann:{'o' * 32}",),
        cors_origins=("https://a.example", "http://localhost:3000"),
        trusted_proxies=("10.0.0.0/8", "::1"),
        rate_limits="off",
        raised_limits=(f"{USER}:10", f"{OTHER}:1000"),
        smtp_url="smtps://u:p@mail:465",
        mail_from="Chat <chat@example.com>",
        edits_retention_days=7,
        sms="print",
        fcm_credentials="/srv/firebase.json",
        google_client_ids=("web.example.com", "app.example.com"),
        google_client_secret="hunter3",
        apple_client_ids=("com.example.web",),
        apple_team_id="TEAM",
        apple_key_id="KEY",
        apple_key="/srv/apple.p8",
        facebook_app_id="123",
        facebook_app_secret="hunter4",
        oauth_local_url="http://127.0.0.1:4000",
        payments_sandbox_url="http://127.0.0.1:4001",
        log_level="DEBUG",
        log_format="json",
        sentry_dsn="https://key@sentry.example.com/1",
        otlp_endpoint="http://collector:4318",
    )


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:9000"), ("0.0.0.0", "http://127.0.0.1:9000"), ("::", "http://[::1]:9000")],
)
def test_the_public_address_follows_host_and_port(host: str, url: str) -> None:
    assert load({"GREENROOM_HOST": host, "GREENROOM_PORT": "9000"}).public_url == url


def test_an_unknown_variable_is_named_with_the_closest_known_one() -> None:
    with pytest.raises(
        SettingsError, match=r"^GREENROOM_REDIS_URL is not a setting \(did you mean GREENROOM_REDIS_URLS\?\)$"
    ):
        load({"GREENROOM_REDIS_URL": "redis://localhost"})
    with pytest.raises(SettingsError, match=r"^GREENROOM_XYZ is not a setting$"):
        load({"GREENROOM_XYZ": ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "80.5"),
        ("PUBLIC_URL", "chat.example.com"),
        ("PUBLIC_URL", "https://chat.example.com/"),
        ("PUBLIC_URL", "https://chat.example.com:port"),
        ("DATABASE_URL", "mysql://localhost/x"),
        ("DATABASE_URL", "postgresql://"),
        ("DATABASE_POOL", "0"),
        ("REDIS_URLS", "localhost:6379"),
        ("REDIS_URLS", "redis://localhost:port"),
        ("REDIS_URLS", "rediss://localhost:port"),
        ("REDIS_URLS", "redis+sentinel://a:1,b:port/chat"),
        ("REDIS_URLS", "redis+sentinel://a:1,b:2"),
        ("REDIS_URLS", "redis+sentinel://a:1,b:2/?db=1"),
        ("JOBS_REDIS_URL", "redis://a,b"),
        ("REDIS_URLS", "redis://a,redis://a"),
        ("REDIS_URLS", ","),
        ("JOBS_REDIS_URL", "amqp://localhost"),
        ("S3_URL", "s3.example.com"),
        ("S3_BUCKET", "Files"),
        ("S3_LINKS", "yes"),
        ("CLAMD_URL", "clamd:3310"),
        ("CLAMD_URL", "tcp://clamd:port"),
        ("MARKETPLACES", "On Swift"),
        ("MARKETPLACES", "onswift,onswift"),
        ("JWT_KEYS", "too:short"),
        ("JWT_KEYS", "s" * 64),
        ("JWT_KEYS", f"{KEY},k1:{'t' * 32}"),
        ("CORS_ORIGINS", "*"),
        ("RAISED_LIMITS", USER),
        ("RAISED_LIMITS", f"{USER}:0"),
        ("RAISED_LIMITS", f"{USER}:1001"),
        ("RAISED_LIMITS", f"{USER}:1.5"),
        ("RAISED_LIMITS", f"{USER.upper()}:2"),
        ("RAISED_LIMITS", "ann@example.com:2"),
        ("RAISED_LIMITS", f"{USER}:2,{USER}:3"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "proxy"),
        ("RATE_LIMITS", "no"),
        ("SMTP_URL", "mail:25"),
        ("MAIL_FROM", "nobody"),
        ("LOG_LEVEL", "debug"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_accepted(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"^GREENROOM_{name}=.* is not accepted. Expected: \w+"):
        load({f"GREENROOM_{name}": value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URLS", "redis://:hunter2@host:port"),
        ("DATABASE_URL", "mysql://user:hunter2@host/db"),
        ("JWT_KEYS", "key:hunter2"),
        ("JWT_KEYS", "hunter2"),
        ("SMTP_URL", "http://user:hunter2@host"),
    ],
)
def test_an_error_does_not_tell_a_secret(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load({f"GREENROOM_{name}": value})
    assert "hunter2" not in str(refused.value)


def test_masked_settings_show_all_but_secrets() -> None:
    settings = load(
        {
            "GREENROOM_DATABASE_URL": "postgresql://user:hunt@er2@host/db?sslpassword=hunter2&application_name=x",
            "GREENROOM_REDIS_URLS": "redis://:hunter2@host:1/0,unix:///run/r.sock?db=1&password=hunter2",
            "GREENROOM_JOBS_REDIS_URL": "redis://user:hunter2@host",
            "GREENROOM_S3_SECRET": "hunter2",
            "GREENROOM_JWT_KEYS": f"{KEY},k2:{'hunter2' * 9}",
            "GREENROOM_OPERATOR_TOKENS": f"olga:{'hunter2:' * 9}",
            "GREENROOM_SMTP_URL": "smtp://user:hunter2@host:25",
        }
    )
    shown = masked(settings)
    assert set(shown) == set(FIELDS)
    assert "hunter2" not in str(shown)
    assert "er2@" not in str(shown)
    assert shown["GREENROOM_DATABASE_URL"] == "postgresql://user:***@host/db?sslpassword=***&application_name=x"
    assert shown["GREENROOM_REDIS_URLS"] == "redis://:***@host:1/0,unix:///run/r.sock?db=1&password=***"
    assert shown["GREENROOM_JWT_KEYS"] == "k1:***,k2:***"
    assert shown["GREENROOM_OPERATOR_TOKENS"] == "olga:***"
    assert shown["GREENROOM_PORT"] == "8000"


def test_the_reference_in_docs_is_the_generated_one() -> None:
    page = Path(__file__).parents[3] / "docs" / "operate" / "ENV.md"
    assert page.read_text() == markdown(), "run `make docs`"
    assert all(f"`{name}`" in markdown() for name in FIELDS)
