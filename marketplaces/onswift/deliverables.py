"""Deliverables as those see them who may."""

from collections.abc import Sequence
from uuid import UUID

from msgspec.structs import replace

from core import files
from core.base import clock
from core.base.answers import Answer
from core.files import File
from core.platform.db import Db
from core.text.fields import view_of
from core.work.context import Ctx
from core.work.etag import version_tag
from core.work.unit_of_work import UnitOfWork
from marketplaces.onswift import access, notices
from marketplaces.onswift.events import DeliverableFileRejected
from marketplaces.onswift.queries import deliverables as queries
from marketplaces.onswift.queries.deliverables import DeliverableRow
from marketplaces.onswift.structs.deliverables import DeliverableStatus, DeliverableView


async def answer(ctx: Ctx, db: Db, id: UUID) -> Answer[DeliverableView]:
    """Answer with a deliverable and its version; raises DELIVERABLE_NOT_FOUND, FORBIDDEN."""
    (view,) = await views(ctx, db, [await access.deliverable_seen(ctx, db, id)])
    return answer_of(ctx, view)


def answer_of(ctx: Ctx, view: DeliverableView) -> Answer[DeliverableView]:
    """Answer with a view of a deliverable."""
    return Answer(0, shown(ctx, view), etag=version_tag(view.version))


def shown(ctx: Ctx, view: DeliverableView) -> DeliverableView:
    """Return a view with links of the caller's own."""
    return replace(view, files=[files.shown(ctx, file) for file in view.files])


async def file_rejected(work: UnitOfWork, file: File, reason: str) -> None:
    """Tell the submitter and the project's creator that a file of a deliverable was not accepted; an approval falls with it."""
    id = file.entity_id
    await queries.LOCK_PROJECT(work.db, id)
    row = await queries.DELIVERABLE(work.db, id)
    if row is None:
        return
    taken_back = await queries.TAKE_BACK(work.db, row.id, clock.now())
    status: DeliverableStatus = "pending" if taken_back else row.status
    version = taken_back or row.version
    event = DeliverableFileRejected(row.id, row.project_id, status, version, file.id, file.file_name, reason)
    work.emit([row.creator_id, *submitter(row)], event)
    values = {"title": row.title, "project": row.project_name, "file": file.file_name, "reason": reason}
    await work.notify(notices.DELIVERABLE_FILE_REJECTED, [row.creator_id], row.id, **values)


def submitter(row: DeliverableRow) -> list[UUID]:
    """Return the submitter, unless she has left the team."""
    return [row.submitted_by_id] if row.in_team else []


async def has_rejected(ctx: Ctx, db: Db, id: UUID) -> bool:
    """Say whether a file of a deliverable was not accepted."""
    return any(file.status == "rejected" for file in (await files.views_of(ctx, db, [id]))[id])


async def views(ctx: Ctx, db: Db, rows: Sequence[DeliverableRow]) -> list[DeliverableView]:
    """Return deliverables with their files."""
    files_of = await files.views_of(ctx, db, [row.id for row in rows])
    return [view_of(DeliverableView, row, files=files_of[row.id]) for row in rows]
