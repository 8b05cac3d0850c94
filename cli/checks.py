"""What a command checks before it starts, so that it fails early and with a line that says what to do."""

import asyncio
import os

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from cli.errors import CommandError
from config.settings import Settings, masked
from core.market import Marketplace
from core.migrate import MIGRATIONS
from marketplaces import UnknownMarketplaceError, configured

ANSWER_SECONDS = 5.0


def markets(names: tuple[str, ...]) -> list[Marketplace]:
    """Return the manifests of these marketplaces; raise CommandError when there is none of that name."""
    try:
        return configured(names)
    except UnknownMarketplaceError as error:
        raise CommandError(str(error)) from None


async def check_settings(settings: Settings) -> None:
    """Raise CommandError unless what they name is there: marketplaces, a migrated database, each Redis."""
    markets(settings.marketplaces)
    await check_migrated(settings)
    urls = (*settings.redis_urls, *filter(None, [settings.jobs_redis_url]))
    shown = masked(settings)
    for url in urls:
        name = "GREENROOM_REDIS_URLS" if url in settings.redis_urls else "GREENROOM_JOBS_REDIS_URL"
        await _check_redis(url, f"{name}={shown[name]}")


async def check_database(settings: Settings) -> None:
    """Raise CommandError unless the database answers."""
    connection = await _connect(settings)
    await connection.close()


async def check_migrated(settings: Settings) -> None:
    """Raise CommandError unless the database answers and all migrations have been applied."""
    connection = await _connect(settings)
    try:
        applied = {row["name"] for row in await connection.fetch("select name from schema_migrations")}
    except asyncpg.UndefinedTableError:
        applied = set()
    finally:
        await connection.close()
    if missing := {path.stem for path in MIGRATIONS.glob("*.sql")} - applied:
        raise CommandError(f"The database lacks {', '.join(sorted(missing))}: run `greenroom migrate` first")


async def _connect(settings: Settings) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(settings.database_url, timeout=ANSWER_SECONDS)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, ValueError) as error:
        shown = masked(settings)["GREENROOM_DATABASE_URL"]
        raise CommandError(f"The database does not answer: {_reason(error)} (GREENROOM_DATABASE_URL={shown})") from None


async def _check_redis(url: str, shown: str) -> None:
    client = Redis.from_url(url, socket_connect_timeout=ANSWER_SECONDS, socket_timeout=ANSWER_SECONDS)
    try:
        async with client:
            await client.ping()
    except (RedisError, OSError, TimeoutError, ValueError) as error:
        raise CommandError(f"Redis does not answer: {_reason(error)} ({shown})") from None


def _reason(error: BaseException) -> str:
    if isinstance(error, asyncio.TimeoutError):
        return f"no answer within {ANSWER_SECONDS:.0f} s"
    if (
        isinstance(error, OSError) and error.errno and error.errno > 0
    ):  # some loops put an address where the reason belongs
        return os.strerror(error.errno)
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
