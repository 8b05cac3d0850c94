"""Tasks: the creator of a project assigns them to its team, and the assignee moves them on."""

from collections.abc import Sequence
from uuid import UUID

from core import files
from core.base import clock, cursors
from core.base.paging import CursorQuery, cursor_pagination, page_of
from core.base.people import Person
from core.limits import weights
from core.market.traits import call
from core.platform.db import Db, found
from core.text.fields import changed, view_of
from core.work.context import Ctx
from core.work.unit_of_work import UnitOfWork, unit_of_work
from marketplaces.onswift import access, notices, rules
from marketplaces.onswift.errors import (
    ASSIGNEE_NOT_IN_TEAM,
    NOT_MY_PROJECT,
    NOT_MY_TASK,
    PROJECT_NOT_FOUND,
    TASK_NOT_FOUND,
)
from marketplaces.onswift.events import TaskAssigned, TaskCreated, TaskDeleted, TaskStatusChanged, TaskUpdated
from marketplaces.onswift.queries import deliverables
from marketplaces.onswift.queries import tasks as queries
from marketplaces.onswift.queries.projects import Standing
from marketplaces.onswift.queries.tasks import TaskRow
from marketplaces.onswift.structs.tasks import (
    NewTask,
    ProjectTaskQuery,
    Sort,
    TaskChange,
    TaskPage,
    TaskQuery,
    TaskView,
    Unassigned,
)


@call(*NOT_MY_PROJECT)
async def list_project_tasks(ctx: Ctx, project_id: UUID, query: ProjectTaskQuery) -> TaskPage:
    """Get the tasks of a project, the next due first"""
    await access.project_seen(ctx, project_id)
    filters = (project_id, query.status, query.assignee_id)
    rows = await queries.LIST_OF_PROJECT(ctx.db, *filters, *query.window, *_after(query, "dueDate")[:3])
    return _page(query, "dueDate", rows, await queries.COUNT_OF_PROJECT(ctx.db, *filters) or 0)


async def list_tasks(ctx: Ctx, query: TaskQuery) -> TaskPage:
    """Get tasks across projects (creator: of own projects, talent: own tasks), sorted; "-" before a field: descending"""
    filters = (ctx.user.id, query.status, query.assignee_id, query.project_id)
    rows = await queries.LIST_OF_USER[query.sort](ctx.db, *filters, *query.window, *_after(query, query.sort))
    return _page(query, query.sort, rows, await queries.COUNT_OF_USER(ctx.db, *filters) or 0)


def _after(query: CursorQuery, sort: Sort) -> tuple[object, ...]:
    """Return the place that a page begins after; raises VALIDATION_ERROR, also for one in another order."""
    place = query.place(queries.Place)
    if place is None:
        return (None,) * 5
    if place.sort != sort or place.created_at.tzinfo is None or "\0" in place.name:
        raise cursors.not_ours()
    return place.values


def _page(query: CursorQuery, sort: Sort, rows: Sequence[TaskRow], total: int) -> TaskPage:
    page = page_of(
        query, rows, lambda row: queries.Place(sort, row.id, row.due_date, row.created_at, row.name, row.status)
    )
    return TaskPage(views(page.rows), cursor_pagination(query, total, page.next_cursor))


@call(PROJECT_NOT_FOUND, ASSIGNEE_NOT_IN_TEAM, weight=weights.NOTICE)
async def create_task(ctx: Ctx, project_id: UUID, body: NewTask) -> TaskView:
    """Create a task in a project for someone in its team"""
    async with unit_of_work(ctx) as work:
        project = await access.project_owned(ctx, work.db, project_id, "create tasks")
        await access.check_assignee(work.db, project_id, body.assignee_id)
        id, now = ctx.new_id(), clock.now()
        await queries.INSERT(work.db, id, project_id, body.name, body.description, body.assignee_id, body.due_date, now)
        task = await _view(work.db, project_id, id)
        work.emit(await access.people(work.db, project), TaskCreated(task))
        await _tell_assignee(ctx, work, task)
        return task


@call(*NOT_MY_TASK)
async def get_task(ctx: Ctx, project_id: UUID, task_id: UUID) -> TaskView:
    """Get a task's details"""
    await access.project_seen(ctx, project_id)
    return await _view(ctx.db, project_id, task_id)


@call(*NOT_MY_TASK, ASSIGNEE_NOT_IN_TEAM, weight=weights.NOTICE)
async def update_task(ctx: Ctx, project_id: UUID, task_id: UUID, body: TaskChange) -> TaskView:
    """Change a task (creator: all of it, assignee: the status of own tasks); what is not given stays"""
    async with unit_of_work(ctx) as work:
        project = await access.project_shared(ctx, work.db, project_id)
        before = found(await queries.TASK(work.db, project_id, task_id), TASK_NOT_FOUND.error())
        me = ctx.user.id
        rules.check_task_change(
            body, before.status, creates=project.creator_id == me, assigned=before.assignee_id == me
        )
        after = changed(before, body)
        if after == before:
            return _as_view(before)
        if after.assignee_id and after.assignee_id != before.assignee_id:
            await access.check_assignee(work.db, project_id, after.assignee_id)
        await queries.UPDATE(
            work.db,
            after.id,
            after.name,
            after.description,
            after.status,
            after.assignee_id,
            after.due_date,
            clock.now(),
        )
        task = await _view(work.db, project_id, task_id)
        await _tell(ctx, work, project, before, task)
        return task


async def unassign(work: UnitOfWork, project: Standing, user_id: UUID) -> list[Unassigned]:
    """Take a user's open tasks of a project from her, and tell the others; return them."""
    unassigned = await queries.UNASSIGN(work.db, project.id, user_id, clock.now())
    people = await access.people(work.db, project)
    for task in unassigned:
        work.emit(people, TaskUpdated(await _view(work.db, project.id, task.id)))
    return unassigned


@call(PROJECT_NOT_FOUND, TASK_NOT_FOUND)
async def delete_task(ctx: Ctx, project_id: UUID, task_id: UUID) -> None:
    """Delete a task and all that belongs to it"""
    async with unit_of_work(ctx) as work:
        project = await access.project_owned(ctx, work.db, project_id, "delete tasks")
        for deliverable in await deliverables.OF_TASK(work.db, task_id):
            await files.detach(work, deliverable.id)
        if not await queries.DELETE(work.db, project_id, task_id):
            raise TASK_NOT_FOUND.error()
        work.emit(await access.people(work.db, project), TaskDeleted(task_id, project_id))
        await work.record("task.delete", task_id, project=str(project_id))


async def _tell(ctx: Ctx, work: UnitOfWork, project: Standing, before: TaskRow, task: TaskView) -> None:
    people = await access.people(work.db, project)
    if task.status != before.status:
        work.emit(people, TaskStatusChanged(task.id, project.id, task.status, ctx.user.person))
    if _rest(task) != _rest(_as_view(before)):
        work.emit(people, TaskUpdated(task))
    if _assignee(task) != before.assignee_id:
        await _tell_assignee(ctx, work, task)


def _rest(task: TaskView) -> tuple[object, ...]:
    return task.name, task.description, _assignee(task), task.due_date


def _assignee(task: TaskView) -> UUID | None:
    return task.assignee.id if task.assignee else None


async def _tell_assignee(ctx: Ctx, work: UnitOfWork, task: TaskView) -> None:
    if task.assignee is None:
        return
    work.emit([task.assignee.id], TaskAssigned(task, ctx.user.person))
    values = {"task": task.name, "project": task.project_name}
    await work.notify(notices.TASK_ASSIGNED, [task.assignee.id], task.id, **values)


async def _view(db: Db, project_id: UUID, id: UUID) -> TaskView:
    return _as_view(found(await queries.TASK(db, project_id, id), TASK_NOT_FOUND.error()))


def views(rows: Sequence[TaskRow]) -> list[TaskView]:
    """Return tasks as their people see them."""
    return [_as_view(row) for row in rows]


def _as_view(row: TaskRow) -> TaskView:
    assignee = Person(row.assignee_id, row.assignee_name or "", row.assignee_avatar) if row.assignee_id else None
    return view_of(TaskView, row, assignee=assignee)
