"""Access control for projects and everything in them."""

from collections.abc import Sequence
from uuid import UUID

from core.base import errors
from core.platform.db import Db, found
from core.work.context import Ctx
from marketplaces.onswift.errors import ASSIGNEE_NOT_IN_TEAM, DELIVERABLE_NOT_FOUND, PROJECT_NOT_FOUND
from marketplaces.onswift.queries import deliverables
from marketplaces.onswift.queries import projects as queries
from marketplaces.onswift.queries.deliverables import DeliverableRow
from marketplaces.onswift.queries.projects import Standing


async def project_seen(ctx: Ctx, project_id: UUID) -> Standing:
    """Return a project that the caller may see: its creator or one of its team; raises PROJECT_NOT_FOUND, FORBIDDEN."""
    return _seen(ctx, await queries.STANDING(ctx.db, project_id, ctx.user.id))


async def project_shared(ctx: Ctx, db: Db, project_id: UUID) -> Standing:
    """Lock a project that the caller may see until the commit; raises PROJECT_NOT_FOUND, FORBIDDEN."""
    # The team is read after the lock: data read by the locking statement itself is as old as its wait.
    await queries.LOCKED_STANDING(db, project_id, ctx.user.id)
    return _seen(ctx, await queries.STANDING(db, project_id, ctx.user.id))


async def project_owned(ctx: Ctx, db: Db, project_id: UUID, to_do: str) -> Standing:
    """Lock a project of the caller's own until the commit; raises PROJECT_NOT_FOUND, FORBIDDEN."""
    standing = found(await queries.LOCKED_STANDING(db, project_id, ctx.user.id), PROJECT_NOT_FOUND.error())
    if standing.creator_id != ctx.user.id:
        raise errors.FORBIDDEN.error(f"Only the project creator can {to_do}")
    return standing


async def people(db: Db, project: Standing) -> list[UUID]:
    """Return the users who get the events of a project: its creator and its team."""
    return [project.creator_id, *(row.id for row in await queries.TEAMS(db, [project.id]))]


async def acquainted(db: Db, user_id: UUID, others: Sequence[UUID]) -> set[UUID]:
    """Return which of these users work on a project with a user: its creator, and team members who have taken part."""
    return {row.user_id for row in await queries.COLLEAGUES(db, user_id, list(others))}


async def check_assignee(db: Db, project_id: UUID, user_id: UUID) -> None:
    """Raise ASSIGNEE_NOT_IN_TEAM unless a user works on a project, which is locked."""
    standing = await queries.STANDING(db, project_id, user_id)
    if not (standing and standing.is_member):
        raise ASSIGNEE_NOT_IN_TEAM.error()


async def deliverable_seen(ctx: Ctx, db: Db, id: UUID) -> DeliverableRow:
    """Return a deliverable that the caller may see: as its submitter while in the team, or as the project's creator.

    Raises DELIVERABLE_NOT_FOUND, FORBIDDEN.
    """
    row = found(await deliverables.DELIVERABLE(db, id), DELIVERABLE_NOT_FOUND.error())
    if not (row.creator_id == ctx.user.id or (row.submitted_by_id == ctx.user.id and row.in_team)):
        raise errors.FORBIDDEN.error()
    return row


async def deliverable_shared(ctx: Ctx, db: Db, id: UUID) -> DeliverableRow:
    """Lock a deliverable that the caller may see, with its project, until the commit; as deliverable_seen."""
    await deliverables.LOCK_PROJECT(db, id)
    return await deliverable_seen(ctx, db, id)


def _seen(ctx: Ctx, standing: Standing | None) -> Standing:
    project = found(standing, PROJECT_NOT_FOUND.error())
    if not (project.is_member or project.creator_id == ctx.user.id):
        raise errors.FORBIDDEN.error("Not authorized (not creator or team member)")
    return project
