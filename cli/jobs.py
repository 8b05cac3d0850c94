"""`greenroom jobs`: list, retry or drop jobs that failed in all their tries."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
from rich.console import Console
from rich.table import Table

from cli.checks import check_migrated
from cli.errors import CommandError
from config.settings import Settings
from core.platform.db import open_pool
from core.work import dead_jobs


async def list_dead(settings: Settings) -> None:
    """Print the dead jobs, oldest first."""
    async with await _pool(settings) as db:
        jobs = await dead_jobs.ALL(db)
    if not jobs:
        print("no job is dead")
        return
    table = Table("Id", "Job", "Failed at (UTC)", "Tries", "Error", "Arguments")
    for job in jobs:
        moment, arguments = f"{job.failed_at:%Y-%m-%d %H:%M:%S}", job.arguments or "not kept: they held a secret"
        table.add_row(str(job.id), job.name, moment, str(job.tries), job.error, arguments)
    # Piped output has lines of any width.
    console = Console(markup=False, highlight=False)
    Console(markup=False, highlight=False, width=None if console.is_terminal else 500).print(table)


async def retry_dead(settings: Settings, ids: Sequence[UUID]) -> None:
    """Retry these jobs, or all that can be retried if none is named."""
    async with await _pool(settings) as db:
        retried = await dead_jobs.retry(db, ids or [job.id for job in await dead_jobs.ALL(db)])
    print(f"{len(retried)} will be tried again by the workers within seconds")
    _complain_of(set(ids) - {job.id for job in retried}, "is not dead, or its arguments were not kept")


async def drop_dead(settings: Settings, ids: Sequence[UUID]) -> None:
    """Delete these jobs, or all if none is named."""
    async with await _pool(settings) as db:
        known = {job.id for job in await dead_jobs.ALL(db)}
        dropped = len(await dead_jobs.DROP(db, list(ids) or list(known)))
    print(f"{dropped} dropped")
    _complain_of(set(ids) - known, "is not dead")


async def _pool(settings: Settings) -> asyncpg.Pool:
    await check_migrated(settings)
    return await open_pool(settings)


def _complain_of(ids: set[UUID], what: str) -> None:
    if ids:
        raise CommandError("; ".join(f"{id} {what}" for id in sorted(ids)))
