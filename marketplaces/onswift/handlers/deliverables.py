"""Deliverables: talents hand in what they have done for their tasks, creators approve it or ask for more."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import UNSET
from msgspec.structs import replace

from core import files
from core.base import clock, errors
from core.base.answers import Answer
from core.base.paging import Position, cursor_pagination, page_of
from core.limits import weights
from core.market.traits import call
from core.platform.db import Db
from core.text.fields import given
from core.work.context import Ctx
from core.work.etag import check_if_match, version_tag
from core.work.unit_of_work import UnitOfWork, unit_of_work
from marketplaces.onswift import access, notices, rules
from marketplaces.onswift.deliverables import answer, answer_of, has_rejected, shown, submitter, views
from marketplaces.onswift.errors import (
    DELIVERABLE_FILE_REJECTED,
    INVALID_ACTION,
    MAX_REVISIONS,
    NOT_MY_DELIVERABLE,
    NOT_MY_PROJECT,
    WRONG_STATUS,
)
from marketplaces.onswift.events import DeliverableApproved, DeliverableSubmitted, RevisionRequested
from marketplaces.onswift.purposes import DELIVERABLE
from marketplaces.onswift.queries import deliverables as queries
from marketplaces.onswift.queries import tasks
from marketplaces.onswift.queries.deliverables import DeliverableRow
from marketplaces.onswift.structs.deliverables import (
    DeliverableChange,
    DeliverablePage,
    DeliverableQuery,
    DeliverableView,
    NewDeliverable,
    Resubmission,
)


async def list_deliverables(ctx: Ctx, query: DeliverableQuery) -> DeliverablePage:
    """Get deliverables, the latest first (creator: all of own projects, talent: own submissions)"""
    owns = ctx.user.role == rules.CREATOR
    page = queries.LIST_OF_CREATOR if owns else queries.LIST_OF_SUBMITTER
    count = queries.COUNT_OF_CREATOR if owns else queries.COUNT_OF_SUBMITTER
    filters = (ctx.user.id, query.status, query.project_id)
    rows = await page(ctx.db, *filters, *query.bounds)
    part = page_of(query, rows, lambda row: Position(row.submitted_at, row.id))
    deliverables = [shown(ctx, view) for view in await views(ctx, ctx.db, part.rows)]
    total = await count(ctx.db, *filters) or 0
    return DeliverablePage(deliverables, cursor_pagination(query, total, part.next_cursor))


@call(*NOT_MY_PROJECT, weight=weights.NOTICE)
async def submit_deliverable(ctx: Ctx, body: NewDeliverable) -> Answer[DeliverableView]:
    """Submit work on an own task"""
    async with unit_of_work(ctx) as work:
        await access.project_shared(ctx, work.db, body.project_id)
        task = await tasks.TASK(work.db, body.project_id, body.task_id)
        if task is None or task.assignee_id != ctx.user.id:
            raise errors.invalid("taskId", "Not a task of the project that is assigned to you")
        id, now = ctx.new_id(), clock.now()
        fields = (body.project_id, body.task_id, ctx.user.id, body.title, body.description)
        await queries.INSERT(work.db, id, *fields, now)
        await _attach(ctx, work, body.file_urls, body.project_id, body.task_id, id)
        return await _submitted(ctx, work, id)


@call(*NOT_MY_DELIVERABLE)
async def get_deliverable(ctx: Ctx, deliverable_id: UUID) -> Answer[DeliverableView]:
    """Get a deliverable's details"""
    return await answer(ctx, ctx.db, deliverable_id)


@call(
    *NOT_MY_DELIVERABLE,
    INVALID_ACTION,
    MAX_REVISIONS,
    WRONG_STATUS,
    DELIVERABLE_FILE_REJECTED,
    errors.PRECONDITION_FAILED,
    weight=weights.NOTICE,
)
async def update_deliverable(ctx: Ctx, deliverable_id: UUID, body: DeliverableChange) -> Answer[DeliverableView]:
    """Approve a deliverable, request a revision of it (both: project creator), or resubmit it (submitter)"""
    match body.action:
        case "approve":
            return await _approve(ctx, deliverable_id)
        case "request_revision":
            return await _request_revision(ctx, deliverable_id, body.feedback)
        case "resubmit":
            return await resubmit_deliverable(ctx, deliverable_id, body)
    raise INVALID_ACTION.error()


@call(*NOT_MY_DELIVERABLE, WRONG_STATUS, errors.PRECONDITION_FAILED, weight=weights.NOTICE)
async def resubmit_deliverable(ctx: Ctx, deliverable_id: UUID, body: Resubmission | None) -> Answer[DeliverableView]:
    """Submit again what a revision was requested of; what is not given stays, files that are given replace the earlier ones"""
    change = body or Resubmission()
    async with unit_of_work(ctx) as work:
        before = await access.deliverable_shared(ctx, work.db, deliverable_id)
        if before.submitted_by_id != ctx.user.id:
            raise errors.FORBIDDEN.error("Only the submitter can resubmit")
        # What cannot be approved need not be sent back first.
        replaces_files = before.status == "pending" and change.file_urls is not UNSET
        replaces_files = replaces_files and await has_rejected(ctx, work.db, before.id)
        after = _moved(ctx, before, "replace_files" if replaces_files else "resubmit")
        if change.file_urls is not UNSET:
            await files.detach(work, before.id)
            await _attach(ctx, work, change.file_urls, before.project_id, before.task_id, before.id)
        texts = {name: value for name, value in given(change).items() if name in ("title", "description")}
        after = replace(after, **texts)
        await _store(work.db, after)
        return await _submitted(ctx, work, after.id)


@call(*NOT_MY_DELIVERABLE, errors.PRECONDITION_FAILED)
async def delete_deliverable(ctx: Ctx, deliverable_id: UUID) -> None:
    """Delete a deliverable and its files; what is approved only the project's creator can delete"""
    async with unit_of_work(ctx) as work:
        before = await access.deliverable_shared(ctx, work.db, deliverable_id)
        check_if_match(ctx, version_tag(before.version))
        if before.status == "approved" and before.creator_id != ctx.user.id:
            raise errors.FORBIDDEN.error("Only the project creator can delete what is approved")
        await files.detach(work, deliverable_id)
        await queries.DELETE(work.db, deliverable_id)
        await work.record("deliverable.delete", deliverable_id, project=str(before.project_id))


async def _approve(ctx: Ctx, id: UUID) -> Answer[DeliverableView]:
    async with unit_of_work(ctx) as work:
        before = await _decided_on(ctx, work.db, id)
        after = _moved(ctx, before, "approve")
        if await has_rejected(ctx, work.db, id):
            raise DELIVERABLE_FILE_REJECTED.error()
        after = replace(after, feedback=None, approved_by_id=ctx.user.id, approved_at=clock.now())
        await _store(work.db, after)
        work.emit(submitter(after), DeliverableApproved(id, ctx.user.person))
        await work.notify(notices.DELIVERABLE_APPROVED, submitter(after), id, **_values(after))
        await work.record("deliverable.approve", id, version=before.version)
        return await answer(ctx, work.db, id)


async def _request_revision(ctx: Ctx, id: UUID, feedback: str) -> Answer[DeliverableView]:
    async with unit_of_work(ctx) as work:
        before = await _decided_on(ctx, work.db, id)
        if not feedback.strip():
            raise errors.invalid("feedback", "Required")
        after = _moved(ctx, before, "request_revision")
        after = replace(after, feedback=feedback, revision_count=before.revision_count + 1)
        await _store(work.db, after)
        work.emit(submitter(after), RevisionRequested(id, feedback, ctx.user.person))
        await work.notify(notices.REVISION_REQUESTED, submitter(after), id, **_values(after))
        await work.record("deliverable.request_revision", id, version=before.version)
        return await answer(ctx, work.db, id)


async def _decided_on(ctx: Ctx, db: Db, id: UUID) -> DeliverableRow:
    before = await access.deliverable_shared(ctx, db, id)
    if before.creator_id != ctx.user.id:
        raise errors.FORBIDDEN.error("Only project creator can approve/request revision")
    return before


def _moved(ctx: Ctx, before: DeliverableRow, action: str) -> DeliverableRow:
    check_if_match(ctx, version_tag(before.version))
    return replace(before, status=rules.next_status(action, before.status, before.revision_count))


async def _attach(ctx: Ctx, work: UnitOfWork, urls: Sequence[str], project_id: UUID, task_id: UUID, id: UUID) -> None:
    folder = f"deliverables/{project_id}/{task_id}/{id}"
    await files.attach(ctx, work, urls, DELIVERABLE.name, id, folder=folder)


async def _store(db: Db, row: DeliverableRow) -> None:
    decision = (row.status, row.revision_count, row.feedback, row.approved_by_id, row.approved_at)
    await queries.UPDATE(db, row.id, row.title, row.description, *decision, clock.now())


async def _submitted(ctx: Ctx, work: UnitOfWork, id: UUID) -> Answer[DeliverableView]:
    row = await access.deliverable_seen(ctx, work.db, id)
    (view,) = await views(ctx, work.db, [row])
    work.emit([row.creator_id], DeliverableSubmitted(view, row.project_id))
    await work.notify(notices.DELIVERABLE_SUBMITTED, [row.creator_id], row.id, talent=row.submitted_by, **_values(row))
    return answer_of(ctx, view)


def _values(row: DeliverableRow) -> dict[str, str]:
    return {"title": row.title, "project": row.project_name}
