"""Analytics: how one's work goes."""

from core import reviews
from core.base import clock, errors
from core.base.people import Person
from core.platform.db import found
from core.work.context import Ctx
from marketplaces.onswift.queries import analytics as queries
from marketplaces.onswift.queries.analytics import TeamRow, WorkRow
from marketplaces.onswift.structs.analytics import (
    CreatorAnalytics,
    DeliverableCounts,
    ProjectCounts,
    TalentAnalytics,
    TaskCounts,
    TeamWork,
)

TEAM_SHOWN = 100


async def get_creator_analytics(ctx: Ctx) -> CreatorAnalytics:
    """Get numbers about one's projects, their tasks and deliverables, and the work of their teams"""
    row = found(await queries.OF_CREATOR(ctx.db, ctx.user.id, clock.today()), errors.INTERNAL_ERROR.error())
    team = await queries.TEAM_OF_CREATOR(ctx.db, ctx.user.id, TEAM_SHOWN)
    return CreatorAnalytics(
        projects=_projects(row),
        project_completion_rate=_rate(row.projects_completed, row.projects),
        tasks=_tasks(row),
        task_completion_rate=_rate(row.tasks_completed, row.tasks),
        on_time_rate=_rate(row.tasks_on_time, row.tasks_completed),
        deliverables=_deliverables(row),
        average_revisions=row.average_revisions,
        team_size=row.team_size,
        team=[_work_of(one) for one in team],
    )


async def get_talent_analytics(ctx: Ctx) -> TalentAnalytics:
    """Get numbers about one's tasks and deliverables, and the ratings of one's reviews"""
    row = found(await queries.OF_TALENT(ctx.db, ctx.user.id, clock.today()), errors.INTERNAL_ERROR.error())
    rating = await reviews.summary_of(ctx.db, ctx.user.id)
    return TalentAnalytics(
        projects=_projects(row),
        tasks=_tasks(row),
        task_completion_rate=_rate(row.tasks_completed, row.tasks),
        on_time_rate=_rate(row.tasks_on_time, row.tasks_completed),
        deliverables=_deliverables(row),
        average_revisions=row.average_revisions,
        average_rating=rating.average,
        total_reviews=rating.total,
    )


def _projects(row: WorkRow) -> ProjectCounts:
    return ProjectCounts(row.projects, row.projects_planning, row.projects_in_progress, row.projects_completed)


def _tasks(row: WorkRow) -> TaskCounts:
    return TaskCounts(
        row.tasks,
        row.tasks_planning,
        row.tasks_in_progress,
        row.tasks_completed,
        row.tasks_on_time,
        row.tasks_overdue,
    )


def _deliverables(row: WorkRow) -> DeliverableCounts:
    return DeliverableCounts(
        row.deliverables, row.deliverables_pending, row.deliverables_approved, row.deliverables_revision
    )


def _work_of(row: TeamRow) -> TeamWork:
    return TeamWork(
        talent=Person(row.id, row.name, row.avatar_url),
        task_count=row.tasks,
        completed_task_count=row.tasks_completed,
        completion_rate=_rate(row.tasks_completed, row.tasks),
        on_time_rate=_rate(row.tasks_on_time, row.tasks_completed),
    )


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
