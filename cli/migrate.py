"""`greenroom migrate`, and the first thing that `greenroom dev` does."""

from cli.checks import check_database, warn_of_search
from cli.errors import CommandError
from config.settings import Settings
from core.platform.migrate import MigrationBlockedError, MigrationChangedError, MigrationFailedError, migrate


async def migrate_database(settings: Settings) -> list[str]:
    """Bring the database up to date and return what was applied; raise CommandError when it does not answer.

    Warns of a database whose LC_CTYPE cannot do trigrams of all scripts."""
    await check_database(settings)
    try:
        applied = await migrate(settings.database_url)
    except (MigrationChangedError, MigrationBlockedError, MigrationFailedError) as error:
        raise CommandError(str(error)) from None
    await warn_of_search(settings)
    return applied
