"""The settings: ONE frozen struct read from the environment (`GREENROOM_*`)."""

import difflib
import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Annotated, Literal, get_args, get_origin
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta
from msgspec.structs import FieldInfo, asdict, fields

PREFIX = "GREENROOM_"
# Commas separate items, except between the Sentinels of one item.
_ITEM = re.compile(r"\s*((?:rediss?\+sentinel://[^/]*)?[^,]*)(?:,|$)")

PostgresUrl = Annotated[str, Meta(pattern=r"^postgres(ql)?://.")]
RedisUrl = Annotated[str, Meta(pattern=r"^((rediss?|unix)://[^,]+|rediss?\+sentinel://[^/]+/[^,/?]+(\?[^,]*)?)$")]
SmtpUrl = Annotated[str, Meta(pattern=r"^smtps?://[^/]")]
ClamdUrl = Annotated[str, Meta(pattern=r"^(tcp|unix)://.")]
HttpUrl = Annotated[str, Meta(pattern=r"^https?://[^/\s]+$")]
LoopbackUrl = Annotated[str, Meta(pattern=r"^http://127\.0\.0\.1:[0-9]{1,5}$")]
HttpAddress = Annotated[str, Meta(pattern=r"^https?://[^/\s]+/\S+$")]
SigningKey = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]+:.{32,}$")]
SealKey = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}:([0-9a-f]{64}|[0-9a-f]{80})$")]
RaisedLimit = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:([1-9][0-9]{0,2}|1000)$")]
OperatorToken = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._@-]+(\+[a-z_]+)*:.{32,}$")]
ClientId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]+$")]  # of an application at a login provider
MarketplaceName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$")]


class SettingsError(Exception):
    """A variable that does not exist or has a value that is not accepted; the message names it."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings. Each field is read from the variable `GREENROOM_` plus its name in capitals; commas separate list items."""

    host: Annotated[str, Meta(description="Address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on, 0 to 65535 (0: any free one)")] = 8000
    public_url: Annotated[
        HttpUrl,
        Meta(description="Public address of this server, http(s)://host[:port]; by default that of host and port"),
    ] = "http://127.0.0.1:8000"
    data_dir: Annotated[
        str,
        Meta(
            description="Folder in which `greenroom dev` keeps its Postgres, its Redis, its files and its signing key"
        ),
    ] = ".greenroom"
    database_url: Annotated[
        PostgresUrl | Literal[""],
        Meta(description="postgresql://user:password@host:port/name; empty: `greenroom dev` runs its own"),
    ] = ""
    database_replica_url: Annotated[
        PostgresUrl | Literal[""],
        Meta(
            description="A streaming replica for searches and older pages of history, used while its lag is at most"
            " two seconds; empty: none"
        ),
    ] = ""
    database_statements: Annotated[
        Literal["prepared", "unnamed"],
        Meta(
            description="prepared: each connection keeps its prepared statements; unnamed: none are kept, as"
            " PgBouncer in transaction mode requires, at the cost of a round trip for each"
        ),
    ] = "prepared"
    database_pool: Annotated[int, Meta(ge=1, le=1000, description="Database connections of a process, 1 to 1000")] = 10
    redis_urls: Annotated[
        tuple[RedisUrl, ...],
        Meta(
            description="redis://user:password@host:port/db (rediss://...?ssl_ca_certs=/file for TLS),"
            " unix:///path/to.sock?db=0 or redis+sentinel://user:password@host:port,host:port/master?db=0 of each Redis server"
            " that conversations are spread over; the first one also holds presence, limits and jobs; empty: `greenroom dev`"
            " runs its own"
        ),
    ] = ()
    jobs_redis_url: Annotated[
        RedisUrl | Literal[""],
        Meta(description="Redis server of the job queue; empty: the first of GREENROOM_REDIS_URLS"),
    ] = ""
    s3_url: Annotated[
        HttpUrl | Literal[""],
        Meta(
            description="S3 server for files, http(s)://host[:port]; empty: `greenroom dev` runs its own, others store none"
        ),
    ] = ""
    s3_bucket: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", description="Its bucket")] = (
        "greenroom"
    )
    s3_region: Annotated[str, Meta(min_length=1, description="Its region")] = "us-east-1"
    s3_key: Annotated[str, Meta(description="Access key of the S3 server")] = ""
    s3_secret: Annotated[str, Meta(description="Secret key of the S3 server")] = ""
    s3_links: Annotated[
        Literal["direct", "proxied"],
        Meta(
            description="direct: clients talk to the S3 server themselves, by signed links (it must be reachable for them, and"
            " its CORS rules must allow PUT from web pages); proxied: through this server"
        ),
    ] = "direct"
    clamd_url: Annotated[
        ClamdUrl | Literal[""],
        Meta(description="tcp://host:port or unix:///path of the virus scanner ClamAV; empty: files are not scanned"),
    ] = ""
    marketplaces: Annotated[
        tuple[MarketplaceName, ...],
        Meta(description="Marketplaces to serve, each under /name; a single one is also served at the root"),
    ] = ("onswift",)
    jwt_keys: Annotated[
        tuple[SigningKey, ...],
        Meta(
            description="Signing keys of tokens as id:secret, each secret of 32 characters or more; the first signs,"
            " all verify; empty: `greenroom dev` generates one and keeps it in the data folder"
        ),
    ] = ()
    seal_keys: Annotated[
        tuple[SealKey, ...],
        Meta(
            description="Keys of encryption at rest as id:key, each key of 64 hexadecimal digits (80 if it is wrapped by the"
            " master key); the first seals, all open; empty: nothing is sealed"
        ),
    ] = ()
    seal_index_key: Annotated[
        str,
        Meta(
            pattern=r"^([0-9a-f]{64}|[0-9a-f]{80})?$",
            description="Key of what finds sealed values, of the same form; it cannot be replaced",
        ),
    ] = ""
    seal_master_key: Annotated[
        str,
        Meta(
            description="File with the master key (64 hexadecimal digits) by which these keys are wrapped; empty: they are not"
        ),
    ] = ""
    operator_tokens: Annotated[
        tuple[OperatorToken, ...],
        Meta(
            description="Operators of the console (/console, /ops), as name:secret, each secret of 32 characters or more;"
            " name+moderator:secret has only this role (or several) in place of admin; empty: no console. `greenroom dev`"
            " generates one and keeps it in the data folder"
        ),
    ] = ()
    cors_origins: Annotated[
        tuple[HttpUrl, ...],
        Meta(description="Other origins whose web pages may call and connect, http(s)://host[:port]"),
    ] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="Proxies that are trusted to report the client's address, as addresses or networks (10.0.0.0/8)"
        ),
    ] = ()
    edits_retention_days: Annotated[
        int,
        Meta(
            ge=0,
            le=3650,
            description="Days that earlier texts of edited and deleted messages are kept for moderators, 0 to 3650 (0: minutes)",
        ),
    ] = 30
    rate_limits: Annotated[Literal["on", "off"], Meta(description="on or off (off: for load tests)")] = "on"
    raised_limits: Annotated[
        tuple[RaisedLimit, ...],
        Meta(
            description="Users whose limits are raised (bots, integrations), as id:factor, factor 1 to 1000; limits on guessing"
            " passwords are not raised"
        ),
    ] = ()
    smtp_url: Annotated[
        SmtpUrl | Literal[""],
        Meta(description="smtp://user:password@host:port or smtps://...; empty: `greenroom dev` prints mails"),
    ] = ""
    mail_from: Annotated[str, Meta(pattern=r"@", description="Sender of mails, as mail programs show it")] = (
        "Greenroom <no-reply@localhost>"
    )
    sms: Annotated[
        Literal["", "print", "twilio"],
        Meta(
            description="Who sends text messages: twilio, or print (they are printed, what `greenroom dev` does); empty: nobody,"
            " and nobody logs in by phone"
        ),
    ] = ""
    twilio_account: Annotated[
        str, Meta(pattern=r"^(AC[0-9a-fA-F]{32})?$", description="Account SID at Twilio, which begins with AC")
    ] = ""
    twilio_token: Annotated[str, Meta(description="Its auth token, by which Twilio's calls are verified, too")] = ""
    twilio_from: Annotated[
        str,
        Meta(description="Sender of SMS: a number (+12025550100), a sender id, or a messaging service (MG...)"),
    ] = ""
    whatsapp_number_id: Annotated[
        str,
        Meta(
            pattern=r"^[0-9]*$",
            description="Id (not the number) of the number that sends by WhatsApp's Cloud API; empty: nothing goes out there",
        ),
    ] = ""
    whatsapp_token: Annotated[str, Meta(description="Access token of the app that sends for it")] = ""
    whatsapp_app_secret: Annotated[
        str, Meta(description="Secret of that app, by which WhatsApp's calls are verified; empty: none is believed")
    ] = ""
    whatsapp_verify_token: Annotated[
        str, Meta(description="What was typed as verify token where the webhook was set up at Meta")
    ] = ""
    verification_key: Annotated[
        str,
        Meta(
            pattern=r"^(.{32,})?$",
            description="Secret of 32 characters or more by which id numbers of verified persons are hashed: by another one,"
            " nobody sees that a person has two accounts; empty: the first of GREENROOM_JWT_KEYS, which must then never change",
        ),
    ] = ""
    fcm_credentials: Annotated[
        str,
        Meta(
            description="File with the key of a Firebase service account, for pushes to devices (needs the extra push);"
            " empty: pushes are only logged"
        ),
    ] = ""
    google_client_ids: Annotated[
        tuple[ClientId, ...],
        Meta(
            description="Client ids for logins by Google: first that of the web, then those of apps; empty: no such logins"
        ),
    ] = ()
    google_client_secret: Annotated[str, Meta(description="Secret of the first of them")] = ""
    apple_client_ids: Annotated[
        tuple[ClientId, ...],
        Meta(description="Services ID, then bundle ids of apps, for logins by Apple; empty: no such logins"),
    ] = ()
    apple_team_id: Annotated[str, Meta(description="Team id of the developer account at Apple")] = ""
    apple_key_id: Annotated[str, Meta(description="Id of the key for Sign in with Apple")] = ""
    apple_key: Annotated[str, Meta(description="File with that key (.p8)")] = ""
    facebook_app_id: Annotated[
        ClientId | Literal[""], Meta(description="App id for logins by Facebook; empty: no such logins")
    ] = ""
    facebook_app_secret: Annotated[str, Meta(description="Its secret")] = ""
    oauth_local_url: Annotated[
        LoopbackUrl | Literal[""],
        Meta(
            description="http://127.0.0.1:port of a server that stands in for those of these providers that have no ids, and logs"
            " in anybody as anybody: `greenroom dev` runs one; never in production"
        ),
    ] = ""
    payments_sandbox_url: Annotated[
        LoopbackUrl | Literal[""],
        Meta(
            description="http://127.0.0.1:port of a payment provider that moves no money, and stands in for those that have no"
            " keys: `greenroom dev` runs one; never in production"
        ),
    ] = ""
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Meta(description="DEBUG, INFO, WARNING or ERROR")
    ] = "INFO"
    log_format: Annotated[Literal["text", "json"], Meta(description="text or json (one object per line)")] = "text"
    sentry_dsn: Annotated[
        HttpAddress | Literal[""],
        Meta(description="DSN of the Sentry project that errors are reported to (needs the extra sentry); empty: none"),
    ] = ""
    otlp_endpoint: Annotated[
        HttpUrl | Literal[""],
        Meta(
            description="OpenTelemetry collector for traces over OTLP/HTTP, http(s)://host[:port] (needs the extra"
            " otel); empty: none"
        ),
    ] = ""


SECRETS = (
    "s3_secret",
    "seal_index_key",
    "twilio_token",
    "whatsapp_token",
    "whatsapp_app_secret",
    "whatsapp_verify_token",
    "verification_key",
    "google_client_secret",
    "facebook_app_secret",
)
SECRETS_BY_NAME = ("jwt_keys", "seal_keys", "operator_tokens")
BY_NAME = (*SECRETS_BY_NAME, "raised_limits")  # name:value, each name once
FIELDS: dict[str, FieldInfo] = {PREFIX + field.name.upper(): field for field in fields(Settings)}


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings; an empty variable counts as not set. Raises SettingsError."""
    _refuse_unknown([name for name in environ if name.startswith(PREFIX) and name not in FIELDS])
    values = {field.name: _parse(name, field, environ[name]) for name, field in FIELDS.items() if environ.get(name)}
    settings = Settings(**values)  # type: ignore[arg-type]  # _parse checked each against its field's type
    if "public_url" in values:
        return settings
    return msgspec.structs.replace(settings, public_url=own_url(settings.host, settings.port))


def own_url(host: str, port: int) -> str:
    """Return the address for reaching, from this machine, a server that listens there."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def masked(settings: Settings) -> dict[str, str]:
    """Return the settings as variables, without their secrets."""
    return {PREFIX + name.upper(): _mask(name, value) for name, value in asdict(settings).items()}


def markdown() -> str:
    """Return the reference of all settings (docs/operate/ENV.md)."""
    rows = [f"| `{name}` | {_default(field)} | {_description(field)} |" for name, field in FIELDS.items()]
    head = ["# Settings", "", Settings.__doc__ or "", "", "| Variable | Default | Meaning |", "|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def _refuse_unknown(names: Sequence[str]) -> None:
    for name in names:
        known = [field.removeprefix(PREFIX) for field in FIELDS]
        close = difflib.get_close_matches(name.removeprefix(PREFIX), known, n=1)
        raise SettingsError(f"{name} is not a setting" + (f" (did you mean {PREFIX}{close[0]}?)" if close else ""))


def _parse(name: str, field: FieldInfo, text: str) -> object:
    is_list = get_origin(get_args(field.type)[0]) is tuple
    raw = [part.strip() for part in _ITEM.findall(text) if part.strip()] if is_list else text
    try:
        value: object = msgspec.convert(raw, field.type, strict=False)
        _check(field.name, [value] if isinstance(value, str) else value)
    except ValueError:  # msgspec's errors are ValueErrors too
        shown = _mask(field.name, raw)
        raise SettingsError(f"{name}={shown} is not accepted. Expected: {_description(field)}") from None
    return value


def _check(field: str, values: object) -> None:
    """Check what a pattern cannot say: no list of nothing, no item twice, networks and ports that parse."""
    if not isinstance(values, list | tuple):
        return
    names = [re.split("[+:]", value, maxsplit=1)[0] for value in values] if field in BY_NAME else values
    if len(set(names)) != len(names) or not names:
        raise ValueError
    for value in values:
        if field == "trusted_proxies":
            ip_network(value)  # raises ValueError, as the next one does
        elif re.match(r"rediss?\b|smtps?:|https?:|tcp:", value):  # a postgresql: one may name several host:port pairs
            for host in urlsplit(value).netloc.rpartition("@")[2].split(","):
                _ = urlsplit(f"//{host}").port


def _mask(field: str, value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(_mask(field, item) for item in value)
    if field in SECRETS:
        return "***" if value else ""
    if field in SECRETS_BY_NAME:
        name, colon, _ = str(value).partition(":")
        return f"{name}:***" if colon else "***"
    # Greedy up to the last @, because a password that was not percent-encoded must not slip through.
    without_userinfo = re.sub(r"(://[^:@/]*):.*@", r"\1:***@", str(value))
    return re.sub(r"([?&]\w*password=)[^&]*", r"\1***", without_userinfo)


def _description(field: FieldInfo) -> str:
    metas = [meta for meta in get_args(field.type) if isinstance(meta, Meta) and meta.description]
    return metas[0].description or ""


def _default(field: FieldInfo) -> str:
    default = ",".join(field.default) if isinstance(field.default, tuple) else str(field.default)
    return f"`{default}`" if default else ""
