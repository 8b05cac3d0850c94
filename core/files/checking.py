"""The checks before a file leaves the quarantine. A file that has not passed stays there.

A local copy is checked, and exactly that copy is stored: the upload link may be used again, but reaches the quarantine only.
"""

import os
from tempfile import TemporaryFile
from typing import IO
from uuid import UUID

from core.base import clock, errors
from core.files import table
from core.files.attaching import view_of
from core.files.events import FILE_REJECTED, FileRejected, FileReleased
from core.files.kinds import media
from core.files.kinds.purposes import Purpose, purposes_of
from core.files.kinds.sniff import HEAD_BYTES, is_stored_as, type_of
from core.files.links import THUMBNAIL_TYPE
from core.files.table import File
from core.pictures.limits import Picture, RejectedError
from core.pictures.process import RefusedError, examine, task_of
from core.platform.clamd import scan
from core.work.context import Ctx
from core.work.unit_of_work import unit_of_work

PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", *media.CONVERTED})


class _ChangedError(Exception):
    """A file has changed since it was read."""


async def check_file(ctx: Ctx, file_id: UUID) -> None:
    """Check a file if it is waiting for that, and move it to its final key if it is released. Idempotent.

    `ctx` is of the file's market. Raises UNAVAILABLE, ScannerAwayError and DecoderLostError: the file is held, retry.
    """
    file = await table.FILE(ctx.db, file_id)
    if file and file.status == "uploaded":
        purpose = next(one for one in purposes_of(ctx.policy) if one.name == file.purpose)
        try:
            await _check(ctx, purpose, file)
        except RejectedError as error:
            await _reject(ctx, purpose, file, str(error))
        file = await table.FILE(ctx.db, file_id)
    if file and file.status == "released" and file.place and file.key != file.place:
        await _move(ctx, file, file.place)


def keys_of(file: File) -> set[str]:
    """Return every key under which a part of a file may be stored."""
    keys = {file.key, f"quarantine/{file.id}", f"checked/{file.id}", *([file.place] if file.place else ())}
    return keys | {thumbnail_key(key) for key in keys}


def thumbnail_key(key: str) -> str:
    """Return the key of an object's thumbnail."""
    return f"{key}.thumbnail.jpg"


async def _check(ctx: Ctx, purpose: Purpose, file: File) -> None:
    with TemporaryFile() as content, TemporaryFile() as clean:
        if not await ctx.resources.storage.fetch(file.key, content, limit=file.size) or content.tell() != file.size:
            raise RejectedError("It is not as large as announced")
        found = _type_of(content)
        if found is None or not is_stored_as(found, file.mime_type):
            raise RejectedError(_other_type(file, found))
        if found in media.CONVERTED and not media.can_convert():
            raise RejectedError(errors.HEIC_NOT_SUPPORTED.message)
        picture = await _examine(ctx, purpose, file, found, content, clean) if found in PICTURES else None
        kept = clean if picture else content
        if (url := ctx.resources.settings.clamd_url) and (malware := await scan(url, kept)):
            raise RejectedError(f"It contains malware ({malware})")
        await _release(ctx, file, kept, picture)


def _type_of(content: IO[bytes]) -> str | None:
    content.seek(0)
    return type_of(content.read(HEAD_BYTES))


def _other_type(file: File, found: str | None) -> str:
    return f"It is no {media.shown(file.mime_type)}" + (f", but a {media.shown(found)}" if found else "")


async def _examine(ctx: Ctx, purpose: Purpose, file: File, found: str, content: IO[bytes], clean: IO[bytes]) -> Picture:
    """Decode a picture, write it without metadata to `clean`, and count the result."""
    content.flush()
    outcome = "lost"
    try:
        picture = await examine(content, clean, task_of(found, file.size, clean, purpose.images))
        outcome = "decoded"
    except RefusedError as error:
        outcome = error.limit or "unreadable"
        raise
    finally:
        ctx.resources.metrics.pictures.labels(outcome).inc()
    if (kept := _type_of(clean)) != file.mime_type:
        raise RejectedError(_other_type(file, kept))
    return picture


async def _release(ctx: Ctx, file: File, content: IO[bytes], picture: Picture | None) -> None:
    key = file.place or f"checked/{file.id}"
    thumbnail = thumbnail_key(key) if picture else None
    size = os.fstat(content.fileno()).st_size
    await _store(ctx, file, key, content, picture)
    async with unit_of_work(ctx) as work:
        sides = (picture.width, picture.height) if picture else (None, None)
        is_first = await table.RELEASE(work.db, file.id, clock.now(), key, size, *sides, thumbnail)
        released = await table.FILE(work.db, file.id)
        if is_first and released:
            work.emit([file.owner_id], FileReleased(view_of(ctx, released)))
    # A concurrent check may have moved the file meanwhile, or it may have been deleted.
    left_over = [] if released and released.key == key else [key, thumbnail_key(key)]
    await ctx.resources.storage.delete([file.key, *left_over])


async def _store(ctx: Ctx, file: File, key: str, content: IO[bytes], picture: Picture | None) -> None:
    storage = ctx.resources.storage
    content.seek(0)
    await storage.put(key, content, file.mime_type)
    if picture:
        await storage.put(thumbnail_key(key), picture.thumbnail, THUMBNAIL_TYPE)


async def _reject(ctx: Ctx, purpose: Purpose, file: File, reason: str) -> None:
    known: File | None = file
    while known and known.status == "uploaded":
        try:
            await _reject_known(ctx, purpose, known, reason)
        except _ChangedError:  # attached since it was read, or checked concurrently
            known = await table.FILE(ctx.db, file.id)
        else:
            await ctx.resources.storage.delete([file.key])
            return


async def _reject_known(ctx: Ctx, purpose: Purpose, file: File, reason: str) -> None:
    async with unit_of_work(ctx) as work:
        if file.entity_id and purpose.rejected:
            await purpose.rejected(work, file, reason)
        if not await table.REJECT(work.db, file.id, reason, file.entity_id):
            raise _ChangedError
        work.emit([file.owner_id], FileRejected(file.id, file.file_name, reason))
        await work.notify(FILE_REJECTED, [file.owner_id], file.id, file=file.file_name, reason=reason)


async def _move(ctx: Ctx, file: File, place: str) -> None:
    storage = ctx.resources.storage
    await storage.copy(file.key, place)
    thumbnail = None
    if file.thumbnail_key:
        thumbnail = thumbnail_key(place)
        await storage.copy(file.thumbnail_key, thumbnail)
    if await table.MOVED(ctx.db, file.id, place, thumbnail):
        await storage.delete([key for key in (file.key, file.thumbnail_key) if key])
    else:  # moved meanwhile, or deleted
        await storage.delete([place, thumbnail_key(place)])
