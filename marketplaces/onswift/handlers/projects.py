"""Projects: their creators make and change them, their teams see them."""

from collections.abc import Sequence
from uuid import UUID

from core.base import clock
from core.base.paging import Position, cursor_pagination, page_of
from core.chat import subjects
from core.limits import weights
from core.market.traits import call
from core.platform.db import Db, found
from core.text.fields import changed, view_of
from core.work.context import Ctx
from core.work.unit_of_work import UnitOfWork, unit_of_work
from marketplaces.onswift import access, notices, rules
from marketplaces.onswift.errors import NOT_MY_PROJECT, PROJECT_NOT_FOUND
from marketplaces.onswift.events import JoinProject, ProjectJoined, ProjectStatusChanged
from marketplaces.onswift.queries import projects as queries
from marketplaces.onswift.queries.projects import ProjectRow
from marketplaces.onswift.structs.projects import (
    NewProject,
    ProjectChange,
    ProjectPage,
    ProjectQuery,
    ProjectView,
    TeamMember,
)


async def list_projects(ctx: Ctx, query: ProjectQuery) -> ProjectPage:
    """Get the user's projects, the latest first (creator: owned projects, talent: assigned projects)"""
    owns = ctx.user.role == rules.CREATOR
    page = queries.LIST_OF_CREATOR if owns else queries.LIST_OF_MEMBER
    count = queries.COUNT_OF_CREATOR if owns else queries.COUNT_OF_MEMBER
    rows = await page(ctx.db, ctx.user.id, query.status, *query.bounds)
    shown = page_of(query, rows, lambda row: Position(row.created_at, row.id))
    total = await count(ctx.db, ctx.user.id, query.status) or 0
    return ProjectPage(await _views(ctx.db, shown.rows), cursor_pagination(query, total, shown.next_cursor))


async def create_project(ctx: Ctx, body: NewProject) -> ProjectView:
    """Create a project"""
    async with unit_of_work(ctx) as work:
        id = ctx.new_id()
        await queries.INSERT(work.db, id, ctx.user.id, body.name, body.description, body.due_date, clock.now())
        return await _view(work.db, id)


@call(*NOT_MY_PROJECT)
async def get_project(ctx: Ctx, project_id: UUID) -> ProjectView:
    """Get a project's details"""
    await access.project_seen(ctx, project_id)
    return await _view(ctx.db, project_id)


@call(PROJECT_NOT_FOUND, weight=weights.NOTICE)
async def update_project(ctx: Ctx, project_id: UUID, body: ProjectChange) -> ProjectView:
    """Change a project; what is not given stays"""
    async with unit_of_work(ctx) as work:
        owned = await access.project_owned(ctx, work.db, project_id, "update it")
        before = found(await queries.PROJECT(work.db, project_id), PROJECT_NOT_FOUND.error())
        after = changed(before, body)
        if after == before:
            return await _view(work.db, project_id)
        if after.due_date != before.due_date:
            rules.check_future("dueDate", after.due_date, clock.today())
        await queries.UPDATE(
            work.db, after.id, after.name, after.description, after.status, after.due_date, clock.now()
        )
        if after.name != before.name:
            await subjects.rename(ctx, work, rules.subject(project_id), after.name)
        if after.status != before.status:
            await _tell_status(work, after, await access.people(work.db, owned))
        return await _view(work.db, project_id)


@call(PROJECT_NOT_FOUND)
async def delete_project(ctx: Ctx, project_id: UUID) -> None:
    """Delete a project; it can be restored from the database for as long as the law wants"""
    async with unit_of_work(ctx) as work:
        await access.project_owned(ctx, work.db, project_id, "delete it")
        await queries.DELETE(work.db, project_id, clock.now())
        await subjects.close(ctx, work, rules.subject(project_id), "{actor} deleted the project")
        await work.record("project.delete", project_id)


async def join_project(ctx: Ctx, event: JoinProject) -> ProjectJoined:
    """Say whether the caller hears of what happens in a project"""
    await access.project_seen(ctx, event.project_id)
    return ProjectJoined(event.project_id)


async def _tell_status(work: UnitOfWork, project: ProjectRow, people: Sequence[UUID]) -> None:
    work.emit(people, ProjectStatusChanged(project.id, project.status))
    values = {"project": project.name, "status": project.status}
    await work.notify(notices.PROJECT_STATUS_CHANGED, people, project.id, **values)


async def _view(db: Db, id: UUID) -> ProjectView:
    row = found(await queries.PROJECT(db, id), PROJECT_NOT_FOUND.error())
    return (await _views(db, [row]))[0]


async def _views(db: Db, rows: Sequence[ProjectRow]) -> list[ProjectView]:
    teams: dict[UUID, list[TeamMember]] = {row.id: [] for row in rows}
    for one in await queries.TEAMS(db, list(teams)):
        teams[one.project_id].append(TeamMember(one.id, one.name, one.avatar_url, one.role, one.joined_at))
    return [view_of(ProjectView, row, team_members=teams[row.id]) for row in rows]
