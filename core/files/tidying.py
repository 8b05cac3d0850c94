"""Deletes detached files and those not attached in time, and re-queues overdue checks."""

from datetime import timedelta

from core.base import clock
from core.files import table
from core.files.checking import keys_of
from core.files.links import LIFETIME
from core.platform.db import transaction
from core.work.context import Resources
from core.work.jobs import CheckFile

UNATTACHED = timedelta(hours=24)
UNCHECKED = timedelta(hours=1)
BATCH = 100


async def tidy_files(resources: Resources) -> None:
    """Delete unused files, objects before rows; raises UNAVAILABLE if the storage is away."""
    while await _delete_some(resources) == BATCH:
        pass
    for one in await table.UNCHECKED(resources.db, clock.now() - UNCHECKED, BATCH):
        await resources.jobs.enqueue(CheckFile(str(one.id)))


async def _delete_some(resources: Resources) -> int:
    async with transaction(resources.db) as db:
        now = clock.now()
        files = await table.LEFTOVER(db, now - UNATTACHED, BATCH, now - LIFETIME)
        for file in files:
            await resources.storage.delete(sorted(keys_of(file)))
        await table.DELETE(db, [file.id for file in files])
        return len(files)
