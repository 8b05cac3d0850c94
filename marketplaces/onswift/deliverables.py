"""Deliverables as those see them who may."""

from collections.abc import Sequence
from uuid import UUID

from core import files
from core.context import Ctx
from core.db import Db
from core.etag import version_tag
from core.market import Answer
from marketplaces.onswift import access
from marketplaces.onswift.queries.deliverables import DeliverableRow
from marketplaces.onswift.structs.deliverables import DeliverableView


async def answer(ctx: Ctx, db: Db, id: UUID) -> Answer[DeliverableView]:
    """Answer with a deliverable and its version; raises DELIVERABLE_NOT_FOUND, FORBIDDEN."""
    return await answer_with(ctx, db, await access.deliverable_seen(ctx, db, id))


async def answer_with(ctx: Ctx, db: Db, row: DeliverableRow) -> Answer[DeliverableView]:
    """Answer with a deliverable that has been read already."""
    (view,) = await views(ctx, db, [row])
    return Answer(0, view, etag=version_tag(view.version))


async def views(ctx: Ctx, db: Db, rows: Sequence[DeliverableRow]) -> list[DeliverableView]:
    """Return deliverables with their files."""
    files_of = await files.views_of(ctx, db, [row.id for row in rows])
    return [
        DeliverableView(
            id=row.id,
            project_id=row.project_id,
            project_name=row.project_name,
            task_id=row.task_id,
            task_name=row.task_name,
            title=row.title,
            description=row.description,
            status=row.status,
            revision_count=row.revision_count,
            feedback=row.feedback,
            submitted_by=row.submitted_by,
            approved_by=row.approved_by,
            approved_at=row.approved_at,
            files=files_of[row.id],
            submitted_at=row.submitted_at,
            updated_at=row.updated_at,
            version=row.version,
        )
        for row in rows
    ]
