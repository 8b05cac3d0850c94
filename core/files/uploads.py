"""Uploads: a file is announced with its type and size, put into the quarantine of the storage, and checked from there."""

from collections.abc import Sequence
from typing import IO
from uuid import UUID

import msgspec

from core.base import clock, errors
from core.base.errors import Detail
from core.files import names, table
from core.files.attaching import FileView, confirm, view_of
from core.files.kinds import media
from core.files.kinds.purposes import purpose_named, purposes_of
from core.files.links import upload_url
from core.files.table import File
from core.files.urls import file_url
from core.platform.db import found
from core.text.fields import Text
from core.work import rate_limits as limits
from core.work.context import Ctx
from core.work.jobs import CheckFile
from core.work.policy import Policy
from core.work.unit_of_work import unit_of_work


class NewUpload(msgspec.Struct, frozen=True, rename="camel"):
    """What will be uploaded: `fileSize` in bytes, `mimeType` as the browser says it, `uploadType` says what it is for."""

    file_name: Text
    file_size: int
    mime_type: Text
    upload_type: Text


class Upload(msgspec.Struct, frozen=True, rename="camel"):
    """Where to PUT the file, with the type that was announced as Content-Type, and its final address."""

    upload_url: str
    file_url: str
    file_id: UUID


async def announce(ctx: Ctx, new: NewUpload) -> Upload:
    """Announce a file; raises as `check_upload`, RATE_LIMITED, UNAVAILABLE."""
    understood = with_type(new)
    check_upload(ctx.policy, understood)
    await count(ctx)
    file = new_file(ctx, understood)
    url = await upload_url(ctx, file, new.mime_type)
    await _insert(ctx, file)
    return Upload(url, file_url(ctx, file), file.id)


async def complete(ctx: Ctx, file_id: UUID) -> FileView:
    """Record that a file of the caller has been uploaded, and queue its check; raises FILE_NOT_FOUND, VALIDATION_ERROR."""
    async with unit_of_work(ctx) as work:
        file = _own(ctx, await table.FILE(work.db, file_id))
        if file.status == "pending":
            if not await confirm(ctx, work.db, file):
                raise errors.invalid("fileId", "It has not been uploaded, or not all of it")
            work.enqueue(CheckFile(str(file.id)))
        return view_of(ctx, _own(ctx, await table.FILE(work.db, file_id)))


async def count(ctx: Ctx) -> None:
    """Charge an upload to the caller; raises RATE_LIMITED."""
    await limits.take(ctx, ctx.policy.uploads, str(ctx.user.id))


def new_file(ctx: Ctx, new: NewUpload) -> File:
    """Return a file of the caller that is not stored yet; if it will be converted, it has the target's type and name."""
    id, mime_type = ctx.new_id(), media.stored_as(new.mime_type)
    is_converted = mime_type != new.mime_type
    return File(
        id=id,
        market=ctx.policy.name,
        owner_id=ctx.user.id,
        purpose=new.upload_type,
        key=f"quarantine/{id}",
        place=None,
        file_name=names.renamed(new.file_name, media.EXTENSIONS[mime_type][0]) if is_converted else new.file_name,
        mime_type=mime_type,
        size=new.file_size,
        status="pending",
        entity_id=None,
        thumbnail_key=None,
        reject_reason=None,
        deleted_at=None,
    )


async def store(ctx: Ctx, file: File, content: IO[bytes]) -> None:
    """Upload a file for the caller; raises UNAVAILABLE."""
    await _insert(ctx, file)  # first, so that no object is ever without a row
    await ctx.resources.storage.put(file.key, content, file.mime_type)
    await table.UPLOADED(ctx.resources.db, file.id, clock.now())


async def discard(ctx: Ctx, files: Sequence[File]) -> None:
    """Discard those of these files that have not been attached."""
    forgotten = await table.DISCARD(ctx.resources.db, [file.id for file in files])
    gone = {one.id for one in forgotten}
    await ctx.resources.storage.delete([file.key for file in files if file.id in gone])


def with_type(new: NewUpload) -> NewUpload:
    """Return the announced upload with the canonical name of its type."""
    mime_type = media.canonical(new.mime_type, names.extension_of(new.file_name))
    return msgspec.structs.replace(new, mime_type=mime_type)


def check_upload(policy: Policy, new: NewUpload) -> None:
    """Raise VALIDATION_ERROR, FILE_TOO_LARGE, HEIC_NOT_SUPPORTED unless the upload is acceptable for its purpose."""
    purpose = purpose_named(policy, new.upload_type)
    if purpose is None:
        raise errors.invalid("uploadType", f"Must be one of: {', '.join(one.name for one in purposes_of(policy))}")
    stored = media.stored_as(new.mime_type)
    kind = next((one for one in purpose.kinds if one.mime_type == stored), None)
    if kind is None:
        raise errors.invalid(
            "mimeType", f"Must be one of: {', '.join(media.shown(one.mime_type) for one in purpose.kinds)}"
        )
    is_converted = stored != new.mime_type
    _check_name(new.mime_type, media.EXTENSIONS[new.mime_type] if is_converted else kind.extensions, new.file_name)
    if is_converted and not media.can_convert():
        raise errors.HEIC_NOT_SUPPORTED.error(details=[Detail("mimeType", errors.HEIC_NOT_SUPPORTED.message)])
    if new.file_size < 1:
        raise errors.invalid("fileSize", "At least one byte")
    if new.file_size > kind.max_bytes:
        raise errors.FILE_TOO_LARGE.error(
            f"At most {kind.max_bytes // 1024 // 1024} MB for a {media.shown(kind.mime_type)}"
        )


def _check_name(mime_type: str, extensions: Sequence[str], name: str) -> None:
    if problem := names.problem_of(name):
        raise errors.invalid("fileName", problem)
    if names.extension_of(name) not in extensions:
        raise errors.invalid(
            "fileName", f"The name of a {media.shown(mime_type)} ends with .{' or .'.join(extensions)}"
        )


async def _insert(ctx: Ctx, file: File) -> None:
    row = (file.id, file.market, file.owner_id, file.purpose, file.key, file.file_name, file.mime_type, file.size)
    if not await table.INSERT(ctx.resources.db, *row, ctx.user.session_id, clock.now()):
        raise errors.SESSION_ENDED.error()


def _own(ctx: Ctx, file: File | None) -> File:
    known = found(file, errors.FILE_NOT_FOUND.error())
    if known.market != ctx.policy.name:
        raise errors.FILE_NOT_FOUND.error()
    if known.owner_id != ctx.user.id:
        raise errors.FORBIDDEN.error()
    return known
