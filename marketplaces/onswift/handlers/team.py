"""The team of a project: who works on it."""

from uuid import UUID

from core.accounts import identity
from core.base import clock, errors
from core.base.answers import Answer
from core.chat import blocks, groups, invitations, subjects
from core.limits import weights
from core.market.traits import call
from core.platform.db import found
from core.work import rate_limits as limits
from core.work.context import Ctx
from core.work.unit_of_work import UnitOfWork, unit_of_work
from marketplaces.onswift import access, notices, rules
from marketplaces.onswift.errors import (
    ALREADY_IN_TEAM,
    HAS_LEFT_TEAM,
    NOT_IN_TEAM,
    PROJECT_NOT_FOUND,
    TEAM_FULL,
    USER_NOT_TALENT,
)
from marketplaces.onswift.handlers import tasks
from marketplaces.onswift.queries import projects as queries
from marketplaces.onswift.queries.projects import Standing
from marketplaces.onswift.structs.projects import Membership, NewTeamMember
from marketplaces.onswift.structs.tasks import RemovedMember, Unassigned


@call(
    PROJECT_NOT_FOUND,
    errors.USER_NOT_FOUND,
    USER_NOT_TALENT,
    ALREADY_IN_TEAM,
    TEAM_FULL,
    HAS_LEFT_TEAM,
    errors.USER_UNREACHABLE,
    weight=weights.TEAM,
)
async def add_member(ctx: Ctx, project_id: UUID, body: NewTeamMember) -> Membership:
    """Add a talent to a project's team; who was in it before gets the old place back"""
    async with unit_of_work(ctx) as work:
        await invitations.lock_caller(ctx, work)
        await access.project_owned(ctx, work.db, project_id, "add team members")
        if await identity.role_of(ctx, body.user_id) != rules.TALENT:
            raise USER_NOT_TALENT.error()
        await blocks.require_none(work.db, ctx.user.id, body.user_id)
        await _check_place(work, project_id, body.user_id)
        added = await queries.ADD_MEMBER(work.db, ctx.new_id(), project_id, body.user_id, body.role, clock.now())
        membership = found(added, ALREADY_IN_TEAM.error())
        if not await groups.welcome(ctx, work.db, [body.user_id]):
            await limits.take(ctx, invitations.INVITATIONS, str(ctx.user.id))
        await subjects.join(ctx, work, rules.subject(project_id), body.user_id)
        return membership


@call(PROJECT_NOT_FOUND, NOT_IN_TEAM, weight=weights.REMOVAL)
async def remove_member(ctx: Ctx, project_id: UUID, user_id: UUID) -> Answer[RemovedMember]:
    """Take a talent out of a project's team: he loses its rooms, files and open tasks at once; 200 names those tasks"""
    async with unit_of_work(ctx) as work:
        await invitations.lock_caller(ctx, work)
        project = await access.project_owned(ctx, work.db, project_id, "remove team members")
        unassigned = await _take_out(ctx, work, project, user_id)
    return Answer(200 if unassigned else 204, RemovedMember(unassigned))


@call(PROJECT_NOT_FOUND, NOT_IN_TEAM, weight=weights.REMOVAL)
async def leave(ctx: Ctx, project_id: UUID) -> None:
    """Leave a project's team, as if removed; for 30 days its creator cannot add the user again"""
    async with unit_of_work(ctx) as work:
        await invitations.lock_caller(ctx, work)
        project = found(await queries.LOCKED_STANDING(work.db, project_id, ctx.user.id), PROJECT_NOT_FOUND.error())
        await _take_out(ctx, work, project, ctx.user.id)
        values = {"talent": ctx.user.person, "project": project.name}
        await work.notify(notices.TEAM_LEFT, [project.creator_id], project_id, **values)


async def _check_place(work: UnitOfWork, project_id: UUID, user_id: UUID) -> None:
    if (await queries.COUNT_OF_TEAM(work.db, project_id, user_id) or 0) >= rules.MOST_IN_TEAM:
        raise TEAM_FULL.error()
    if await queries.HAS_LEFT(work.db, project_id, user_id, clock.now() - rules.PAUSE_AFTER_LEAVING):
        raise HAS_LEFT_TEAM.error()


async def _take_out(ctx: Ctx, work: UnitOfWork, project: Standing, user_id: UUID) -> list[Unassigned]:
    if not await queries.REMOVE_MEMBER(work.db, project.id, user_id, clock.now(), user_id == ctx.user.id):
        raise NOT_IN_TEAM.error()
    await subjects.leave(ctx, work, rules.subject(project.id), user_id)
    return await tasks.unassign(work, project, user_id)
