"""The bazaar's tables in a database of a test."""

from pathlib import Path
from typing import Final

import asyncpg

from config.settings import Settings

# JavaScript's numbers hold no id of these tests.
FIRST_ID: Final = 2**53 + 1


async def with_bazaar(settings: Settings) -> None:
    """Give a database the bazaar's tables."""
    connection = await asyncpg.connect(settings.database_url)
    await connection.execute((Path(__file__).parent / "schema.sql").read_text())
    await connection.execute(f"alter sequence bazaar.ids restart with {FIRST_ID}")
    await connection.close()
