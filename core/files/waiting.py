"""Files that are checked while their owner waits, because they are shown at once; the previous file stays until then."""

from dataclasses import replace
from typing import Final

from core.base import errors
from core.files import table
from core.files.attaching import check_usable
from core.files.checking import check_file
from core.files.urls import id_in
from core.pictures.process import DecoderLostError
from core.platform.clamd import ScannerAwayError
from core.platform.fair_queue import Turns
from core.platform.observability.metrics import Metrics
from core.work.context import Ctx

# Per process: each may take a core for some seconds and 512 MB. Jobs check everything else.
WIDTH: Final = 2
# The last one waits for some seconds: a phone's picture takes 0.3 s.
MOST_WAITING: Final = 20


def decoders(metrics: Metrics) -> Turns:
    """Return the turns at checking files, for one process."""
    turns = Turns(WIDTH, MOST_WAITING)
    waiting, refused = "Files whose owners wait for the check", "Files that were not checked because too many waited"
    metrics.watch("greenroom_files_waiting", waiting, lambda: len(turns.queue))
    metrics.count("greenroom_files_refused", refused, lambda: turns.queue.refused)
    return turns


async def check_now(ctx: Ctx, url: str, purpose: str, field: str) -> None:
    """Check a file that the caller has uploaded for this purpose, before it is attached.

    Raises VALIDATION_ERROR with `field` if it fails the check, and UNAVAILABLE if it cannot be checked: too many are
    waiting, or the scanner or the storage is away.
    """
    # Not in the caller's transaction: moves in the storage cannot be rolled back.
    db = ctx.resources.db
    id = id_in(ctx, url)
    file = await table.FILE(db, id) if id else None
    known = await check_usable(ctx, db, file, purpose, field)
    async with ctx.resources.decoders.turn(str(ctx.user.id)):
        try:
            await check_file(replace(ctx, work=None, caller=None), known.id)
        except (ScannerAwayError, DecoderLostError) as error:
            raise errors.UNAVAILABLE.error("Files cannot be checked right now") from error
    await check_usable(ctx, db, await table.FILE(db, known.id), purpose, field)
