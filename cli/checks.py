"""Checks before a command starts, so that it fails early, with one line that says what to do."""

import asyncio
import logging
import os
import ssl
from collections.abc import Sequence

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from api.manifest import problems
from cli.errors import CommandError
from config.settings import Settings, SettingsError, masked
from core.base.errors import AppError
from core.market.market import Marketplace
from core.platform.migrate import MIGRATIONS
from core.platform.redis_pool import redis_pool
from core.platform.sealing.keys import key_service, open_sealing
from core.platform.storage import Storage
from core.search.trigrams import ADVICE, BLIND
from marketplaces import UnknownMarketplaceError, configured

ANSWER_SECONDS = 5.0

log = logging.getLogger(__name__)


def markets(names: tuple[str, ...]) -> list[Marketplace]:
    """Return the manifests of these marketplaces; raise CommandError if a name is unknown or a manifest is wrong."""
    try:
        manifests = configured(names)
    except UnknownMarketplaceError as error:
        raise CommandError(str(error)) from None
    if wrong := [f"\n  {market.name}: {problem}" for market in manifests for problem in problems(market)]:
        raise CommandError(f"A marketplace's manifest is wrong:{''.join(wrong)}")
    return manifests


async def check_settings(settings: Settings) -> None:
    """Raise CommandError unless everything the settings name is available: marketplaces, a migrated database, a Redis."""
    manifests = markets(settings.marketplaces)
    _check_login_providers(settings)
    await open_sealing(settings, key_service(settings))  # raises SettingsError
    if not settings.seal_keys and (names := [market.name for market in manifests if market.policy.seals]):
        raise CommandError(f"GREENROOM_SEAL_KEYS is not set, and {', '.join(names)} cannot store what it seals")
    await check_migrated(settings, manifests)
    await _check_all_redis(settings)


def _check_login_providers(settings: Settings) -> None:
    """Raise CommandError unless the key for logins by Apple can be read, if there are such logins."""
    if settings.apple_client_ids:
        from core.accounts.oauth.providers import providers_of  # brings a library that most processes never need

        try:
            providers_of(settings)
        except SettingsError as error:
            raise CommandError(str(error)) from None


async def warn_of_files(settings: Settings, storage: Storage) -> None:
    """Log why files cannot be stored or scanned; everything else works without."""
    if not settings.s3_url:
        log.warning("GREENROOM_S3_URL is not set: no files can be uploaded")
        return
    try:
        await storage.check()
    except AppError as error:
        shown = f"GREENROOM_S3_URL={settings.s3_url}, GREENROOM_S3_BUCKET={settings.s3_bucket}"
        log.warning("no files can be uploaded until S3 works: %s (%s)", error.__cause__, shown)
    if not settings.clamd_url:
        log.warning("GREENROOM_CLAMD_URL is not set: files are not scanned for viruses")


async def check_database(settings: Settings) -> None:
    """Raise CommandError unless the database answers."""
    connection = await _connect(settings)
    await connection.close()


async def check_migrated(settings: Settings, manifests: Sequence[Marketplace] = ()) -> None:
    """Raise CommandError unless the database answers, all migrations have been applied, and they have made what these
    marketplaces store in.
    """
    connection = await _connect(settings)
    try:
        applied = {row["name"] for row in await connection.fetch("select name from schema_migrations")}
        lacking = {market.name: await _lacking(connection, market) for market in manifests}
    except asyncpg.UndefinedTableError:
        applied, lacking = set(), {}
    finally:
        await connection.close()
    if missing := {path.stem for path in MIGRATIONS.glob("*.sql")} - applied:
        raise CommandError(f"The database lacks {', '.join(sorted(missing))}: run `greenroom migrate` first")
    for name, relations in lacking.items():
        if relations:
            raise CommandError(
                f"The database lacks {', '.join(relations)}: a file of migrations/ must create what {name} stores in"
            )


async def _lacking(connection: asyncpg.Connection, market: Marketplace) -> list[str]:
    """Return the tables of its own, and the sequence, that a marketplace names and that do not exist."""
    own = {table for one in market.policy.personal_data for table in one.tables if "." in table}
    own |= {f"{market.name}.ids"} if market.dialect.bigint_ids else set()
    found = await connection.fetch("select name from unnest($1::text[]) name where to_regclass(name) is null", [*own])
    return sorted(row["name"] for row in found)


async def warn_of_search(settings: Settings) -> None:
    """Log if the locale prevents tolerance of typos in names outside ASCII; everything else works."""
    connection = await _connect(settings)
    try:
        if await BLIND(connection):
            log.warning(ADVICE)
    finally:
        await connection.close()


async def _connect(settings: Settings) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(settings.database_url, timeout=ANSWER_SECONDS, statement_cache_size=0)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, ValueError) as error:
        shown = masked(settings)["GREENROOM_DATABASE_URL"]
        raise CommandError(f"The database does not answer: {_reason(error)} (GREENROOM_DATABASE_URL={shown})") from None


async def _check_all_redis(settings: Settings) -> None:
    """Warn of each server that is down; raise CommandError if all servers of the bus are."""
    shown = masked(settings)
    bus, jobs = "GREENROOM_REDIS_URLS", "GREENROOM_JOBS_REDIS_URL"
    problems = [await _redis_problem(url, f"{bus}={shown[bus]}") for url in settings.redis_urls]
    if all(problems):
        raise CommandError(problems[0])
    if settings.jobs_redis_url:
        problems.append(await _redis_problem(settings.jobs_redis_url, f"{jobs}={shown[jobs]}"))
    for problem in filter(None, problems):
        log.warning(problem)


async def _redis_problem(url: str, shown: str) -> str:
    """Return why a server cannot be used right now, or nothing; raise CommandError for permanent causes."""
    try:
        pool = redis_pool(url, socket_connect_timeout=ANSWER_SECONDS, socket_timeout=ANSWER_SECONDS)
        async with Redis.from_pool(pool) as client:
            await client.ping()
    except (AuthenticationError, NoPermissionError, ssl.SSLError, ValueError) as error:
        raise CommandError(f"Redis cannot be used: {_reason(error)} ({shown})") from None
    except (RedisError, OSError, TimeoutError) as error:
        return f"Redis does not answer: {_reason(error)} ({shown})"
    return ""


def _reason(error: BaseException) -> str:
    if isinstance(error, asyncio.TimeoutError):
        return f"no answer within {ANSWER_SECONDS:.0f} s"
    if (
        isinstance(error, OSError) and error.errno and error.errno > 0
    ):  # some loops put an address where the reason belongs
        return os.strerror(error.errno)
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
