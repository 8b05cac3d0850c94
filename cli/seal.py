"""`greenroom seal`: keys of encryption at rest, and their rotation."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from cli.checks import check_migrated, markets
from cli.errors import CommandError
from config.settings import Settings
from core.operations import resealing
from core.platform.db import open_pool
from core.platform.sealing.keys import key_service, new_key, open_sealing
from core.platform.sealing.sealing import Sealing
from core.work.policy import Policy


async def print_key(settings: Settings) -> None:
    """Print a new key as the settings take it."""
    print(await new_key(key_service(settings)))


async def rotate(settings: Settings) -> None:
    """Seal with the first key whatever is not, printing the progress; raise CommandError if something is left."""
    async with _opened(settings) as (db, sealing, policies):
        async for one in resealing.rotate(db, sealing, policies):
            print(f"{one.column}: {one.sealed} sealed, up to {one.last}", flush=True)
    await status(settings)


async def status(settings: Settings) -> None:
    """Print how many values are still to be sealed with the first key; raise CommandError if there are any."""
    async with _opened(settings) as (db, sealing, policies):
        left = await resealing.left(db, sealing, policies)
    print("\n".join(f"{name}: {count} left" for name, count in left.items()))
    if any(left.values()):
        raise CommandError(
            "something is left: it was locked, or cannot be opened (see the log); run `seal rotate` again"
        )


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[asyncpg.Pool, Sealing, list[Policy]]]:
    await check_migrated(settings)
    policies = [market.policy for market in markets(settings.marketplaces)]
    async with await open_pool(settings) as db:
        yield db, await open_sealing(settings, key_service(settings)), policies
