"""The team of a project: who works on it."""

from uuid import UUID

from core import clock, identity, subjects
from core.context import Ctx
from core.db import found
from core.ids import uuid7
from core.market import Answer
from core.unit_of_work import unit_of_work
from marketplaces.onswift import access, rules
from marketplaces.onswift.errors import ALREADY_IN_TEAM, NOT_IN_TEAM, TEAM_FULL, USER_NOT_TALENT
from marketplaces.onswift.handlers import tasks
from marketplaces.onswift.queries import projects as queries
from marketplaces.onswift.structs.projects import Membership, NewTeamMember
from marketplaces.onswift.structs.tasks import RemovedMember


async def add_member(ctx: Ctx, project_id: UUID, body: NewTeamMember) -> Membership:
    """Add a talent to a project's team; who was in it before gets the old place back"""
    async with unit_of_work(ctx) as work:
        await access.project_owned(ctx, work.db, project_id, "add team members")
        if await identity.role_of(ctx, body.user_id) != rules.TALENT:
            raise USER_NOT_TALENT.error()
        if (await queries.COUNT_OF_TEAM(work.db, project_id, body.user_id) or 0) >= rules.MOST_IN_TEAM:
            raise TEAM_FULL.error()
        added = await queries.ADD_MEMBER(work.db, uuid7(), project_id, body.user_id, body.role, clock.now())
        membership = found(added, ALREADY_IN_TEAM.error())
        await subjects.join(ctx, work, rules.subject(project_id), body.user_id)
        return membership


async def remove_member(ctx: Ctx, project_id: UUID, user_id: UUID) -> Answer[RemovedMember]:
    """Take a talent out of a project's team: he loses its rooms, files and open tasks at once; 200 names those tasks"""
    async with unit_of_work(ctx) as work:
        project = await access.project_owned(ctx, work.db, project_id, "remove team members")
        if not await queries.REMOVE_MEMBER(work.db, project_id, user_id, clock.now()):
            raise NOT_IN_TEAM.error()
        await subjects.leave(ctx, work, rules.subject(project_id), user_id)
        unassigned = await tasks.unassign(work, project, user_id)
    return Answer(200 if unassigned else 204, RemovedMember(unassigned))
