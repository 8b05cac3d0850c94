"""`greenroom ledger`: whether the books balance."""

import asyncpg

from cli.checks import check_migrated
from cli.errors import CommandError
from config.settings import Settings
from core.payments.books import books_balance


async def check_books(settings: Settings) -> None:
    """Compute all balances anew, however long it takes; raises CommandError with what does not fit."""
    await check_migrated(settings)
    db = await asyncpg.connect(settings.database_url, statement_cache_size=0)
    try:
        problems = await books_balance(db)
    finally:
        await db.close()
    if problems:
        raise CommandError("the books do not balance: " + "; ".join(f"{one.id} {one.problem}" for one in problems))
    print("the books balance")
