"""The calendar of a user's own deadlines, as a call and as a feed for calendar programs."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import chain

from core import clock, feeds
from core.context import Ctx
from core.icalendar import AllDay, CalendarFile, calendar_file
from marketplaces.onswift import access, rules
from marketplaces.onswift.handlers.tasks import views
from marketplaces.onswift.queries import calendar as queries
from marketplaces.onswift.queries.calendar import DueRow
from marketplaces.onswift.queries.tasks import TaskRow
from marketplaces.onswift.structs.calendar import (
    Calendar,
    CalendarDay,
    CalendarQuery,
    DueProject,
    Feed,
    FeedQuery,
)

FEED = "/api/calendar.ics"
FEED_PAST, FEED_AHEAD = timedelta(days=30), timedelta(days=365)


async def get_calendar(ctx: Ctx, query: CalendarQuery) -> Calendar:
    """Get own deadlines by day, from 30 days ago to 90 ahead (120 days if one end is given, 366 at most)"""
    first, last = rules.calendar_range(query.start, query.end, clock.today())
    if query.project_id:
        await access.project_seen(ctx, query.project_id)
    tasks = await queries.TASKS(ctx.db, ctx.user.id, first, last, query.project_id)
    projects = await queries.PROJECTS(ctx.db, ctx.user.id, first, last, query.project_id)
    return Calendar(list(_days(tasks, projects)))


async def get_feed(ctx: Ctx) -> Feed:
    """Get the address under which calendar programs read one's deadlines; null until one has asked for it"""
    return Feed(await feeds.address(ctx, FEED))


async def renew_feed(ctx: Ctx) -> Feed:
    """Get a new address for the feed; the old one is good for nothing any more"""
    await feeds.renew(ctx)
    return await get_feed(ctx)


async def read_feed(ctx: Ctx, query: FeedQuery) -> CalendarFile:
    """Read own deadlines as iCalendar, from 30 days ago to a year ahead; the token is a part of the feed's address"""
    owner, today = await feeds.owner(ctx, query.token), clock.today()
    days = (today - FEED_PAST, today + FEED_AHEAD)
    tasks = await queries.TASKS(ctx.db, owner, *days, None)
    projects = await queries.PROJECTS(ctx.db, owner, *days, None)
    return calendar_file(rules.TITLE, ctx.market, chain(map(_task_event, tasks), map(_project_event, projects)))


def _days(tasks: Sequence[TaskRow], projects: Sequence[DueRow]) -> Iterator[CalendarDay]:
    for day in sorted({task.due_date for task in tasks} | {project.due_date for project in projects}):
        yield CalendarDay(
            day,
            views([row for row in tasks if row.due_date == day]),
            [DueProject(row.id, row.name, row.status, row.due_date) for row in projects if row.due_date == day],
        )


def _task_event(task: TaskRow) -> AllDay:
    summary = f"{_tick(task.status)}{task.name} ({task.project_name})"
    return AllDay(task.id, task.due_date, summary, task.description, task.updated_at)


def _project_event(project: DueRow) -> AllDay:
    summary = f"{_tick(project.status)}{project.name}"
    return AllDay(project.id, project.due_date, summary, project.description, project.updated_at)


def _tick(status: str) -> str:
    return "✓ " if status == "completed" else ""
