"""Files of entities: the uploader attaches a file in the transaction that creates or changes the entity."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from core.base import clock, errors
from core.files import table
from core.files.links import view_url
from core.files.names import key_name
from core.files.table import File, Status
from core.files.urls import file_url, id_in
from core.platform.db import Db
from core.work.context import Ctx
from core.work.jobs import CheckFile
from core.work.unit_of_work import UnitOfWork


class FileView(msgspec.Struct, frozen=True, rename="camel"):
    """A file as those see it who see what it is attached to. It can be read once its status is `released`.

    `fileUrl` names it and never changes. `viewUrl` works in a page (`<img src>`) for some minutes, for the caller alone: answers
    have one, events do not. `thumbnailUrl` likewise, where there is a thumbnail.
    """

    id: UUID
    file_name: str
    file_url: str
    file_size: int
    mime_type: str
    status: Status
    thumbnail_url: str | None = None
    view_url: str | None = None


async def attach(
    ctx: Ctx,
    work: UnitOfWork,
    urls: Sequence[str],
    purpose: str,
    entity_id: UUID,
    *,
    folder: str,
    stem: str = "",
    field: str = "fileUrls",
) -> list[FileView]:
    """Attach files that the caller has uploaded for this purpose to an entity; return them in the order of the urls.

    Their objects go to `folder`, under their own names or that of `stem`. Raises VALIDATION_ERROR with `field` for files
    that are missing, not the caller's, of another purpose or already attached; UNAVAILABLE if the storage must be asked and
    is away.
    """
    ids = [id_in(ctx, url) for url in urls]
    if None in ids or len(set(ids)) != len(ids):
        raise errors.invalid(field, "Not a file that you have uploaded, or twice the same")
    files = {file.id: file for file in await table.LOCKED(work.db, ids)}
    for id in ids:
        await check_usable(ctx, work.db, files.get(id) if id else None, purpose, field)
    for file in files.values():
        name = key_name(file.file_name, stem)
        other = key_name(file.file_name, f"{stem or file.file_name.rpartition('.')[0]}-{file.id}")
        await table.ATTACH(work.db, file.id, entity_id, f"{folder}/{name}", f"{folder}/{other}")
        work.enqueue(CheckFile(str(file.id)))
    views = {view.id: view for view in (await views_of(ctx, work.db, [entity_id]))[entity_id]}
    return [views[id] for id in ids if id]


async def views_of(ctx: Ctx, db: Db, entity_ids: Sequence[UUID]) -> dict[UUID, list[FileView]]:
    """Return the files of each of these entities, in the order of their upload."""
    views: dict[UUID, list[FileView]] = {id: [] for id in entity_ids}
    for file in await table.OF_ENTITIES(db, list(views)):
        assert file.entity_id  # noqa: S101 - that is how it was found
        views[file.entity_id].append(view_of(ctx, file))
    return views


async def detach(work: UnitOfWork, entity_id: UUID) -> None:
    """Detach the files of an entity: nobody can read them any more, and a job deletes them."""
    await table.DETACH(work.db, entity_id, clock.now())


def view_of(ctx: Ctx, file: File) -> FileView:
    """Return a file as users see it."""
    url = file_url(ctx, file)
    thumbnail = f"{url}?variant=thumbnail" if file.thumbnail_key else None
    return FileView(file.id, file.file_name, url, file.size, file.mime_type, file.status, thumbnail)


def shown(ctx: Ctx, view: FileView) -> FileView:
    """Return a private file with links for a page of the caller."""
    thumbnail = view_url(ctx, view.id, "thumbnail") if view.thumbnail_url else None
    return msgspec.structs.replace(view, thumbnail_url=thumbnail, view_url=view_url(ctx, view.id, "original"))


async def check_usable(ctx: Ctx, db: Db, file: File | None, purpose: str, field: str) -> File:
    """Return a file if the caller has uploaded it for this purpose and it is unused; raises as `attach`."""
    if file is None or file.owner_id != ctx.user.id or file.market != ctx.policy.name:
        raise errors.invalid(field, "Not a file that you have uploaded")
    if file.purpose != purpose:
        raise errors.invalid(field, f"{file.file_name} was uploaded as {file.purpose}, not as {purpose}")
    if file.entity_id is not None:
        raise errors.invalid(field, f"{file.file_name} is in use already")
    if file.status == "rejected":
        raise errors.invalid(field, f"The file was not accepted: {file.reject_reason}")
    if file.status == "pending" and not await confirm(ctx, db, file):
        raise errors.invalid(field, f"{file.file_name} has not been uploaded, or not all of it")
    return file


async def confirm(ctx: Ctx, db: Db, file: File) -> bool:
    """Record that a file has been uploaded, if it is complete; raises UNAVAILABLE."""
    if await ctx.resources.storage.size_of(file.key) != file.size:
        return False
    await table.UPLOADED(db, file.id, clock.now())
    return True
