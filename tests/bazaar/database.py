"""The bazaar's tables in a database of a test."""

from pathlib import Path
from typing import Final

import asyncpg

from config.settings import Settings

# JavaScript's numbers hold no id of these tests.
FIRST_ID: Final = 2**53 + 1
SCHEMA: Final = (Path(__file__).parent / "schema.sql").read_text()


async def with_bazaar(settings: Settings) -> None:
    """Give a database the bazaar's tables, unless it has them, and let the next id be FIRST_ID."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        if not await connection.fetchval("select to_regnamespace('bazaar') is not null"):
            await connection.execute(SCHEMA)
        await connection.execute("select setval('bazaar.ids', $1, false)", FIRST_ID)
    finally:
        await connection.close()
