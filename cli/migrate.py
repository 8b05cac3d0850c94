"""`greenroom migrate`, which `greenroom dev` also runs first."""

from cli.checks import check_database, warn_of_search
from cli.errors import CommandError
from config.settings import Settings
from core.platform.migrate import MigrationBlockedError, MigrationChangedError, MigrationFailedError, migrate


async def migrate_database(settings: Settings) -> list[str]:
    """Migrate the database and return the applied migrations; raise CommandError if it does not answer.

    Warns if its LC_CTYPE does not support trigrams of all scripts."""
    await check_database(settings)
    try:
        applied = await migrate(settings.database_url)
    except (MigrationChangedError, MigrationBlockedError, MigrationFailedError) as error:
        raise CommandError(str(error)) from None
    await warn_of_search(settings)
    return applied
