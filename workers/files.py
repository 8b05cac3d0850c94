"""The job that checks files."""

from uuid import UUID

from core import logs
from core.context import Ctx, Resources
from core.files import checking, table
from core.publisher import Publisher
from marketplaces import configured


async def check_file(resources: Resources, publisher: Publisher, file_id: UUID) -> None:
    """Check a file as its marketplace wants; raises UNAVAILABLE and ScannerAwayError: the file is held."""
    market = await table.MARKET(resources.db, file_id)
    if market is not None:
        (manifest,) = configured((market,))
        ctx = Ctx(resources, publisher, market, logs.request_id())
        await checking.check_file(ctx, manifest.purposes, file_id)
