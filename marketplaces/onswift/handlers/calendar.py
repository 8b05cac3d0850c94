"""The calendar of a user's own deadlines, as a call and as a feed for calendar programs."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence

from core.base import clock, errors
from core.base.answers import Answer
from core.calendars import feeds
from core.calendars.icalendar import AllDay, CalendarFile, calendar_file
from core.market.endpoints.calendar import FeedQuery
from core.market.traits import call
from core.work.context import Ctx
from core.work.policy import Policy
from marketplaces.onswift import access, rules
from marketplaces.onswift.errors import NOT_MY_PROJECT
from marketplaces.onswift.handlers.tasks import views
from marketplaces.onswift.queries import calendar as queries
from marketplaces.onswift.queries.calendar import DueRow
from marketplaces.onswift.queries.tasks import TaskRow
from marketplaces.onswift.structs.calendar import (
    Calendar,
    CalendarDay,
    CalendarQuery,
    DueProject,
)


@call(*NOT_MY_PROJECT)
async def get_calendar(ctx: Ctx, query: CalendarQuery) -> Calendar:
    """Get own deadlines by day, from 30 days ago to 90 ahead (120 days if one end is given, 366 at most); of many the first"""
    first, last = rules.calendar_range(query.start, query.end, clock.today())
    if query.project_id:
        await access.project_seen(ctx, query.project_id)
    chosen, most = (ctx.user.id, first, last, query.project_id), rules.MOST_IN_CALENDAR
    tasks = await queries.TASKS(ctx.db, *chosen, rules.MOST_CALENDAR_OCTETS, most)
    projects = await queries.PROJECTS(ctx.db, *chosen, most)
    shown = [task for task in tasks[:most] if task.octets <= rules.MOST_CALENDAR_OCTETS]
    is_cut = len(shown) < len(tasks) or len(projects) > most
    return Calendar(list(_days(shown, projects[:most])), is_cut)


@call(errors.UNAUTHORIZED)
async def read_feed(ctx: Ctx, query: FeedQuery) -> Answer[CalendarFile]:
    """Read own deadlines as iCalendar, from 30 days ago to a year ahead, the 1,000 next to today; the address has a token"""
    owner, today = await feeds.owner(ctx, query.token), clock.today()
    days = (today - rules.FEED_PAST, today + rules.FEED_AHEAD)
    version = (today, await queries.VERSION(ctx.db, owner, *days))

    async def build() -> CalendarFile:
        rows = await queries.NEXT_TO(ctx.db, owner, *days, today, rules.FEED_DESCRIPTION + 1, rules.MOST_IN_FEED)
        return await asyncio.to_thread(_file, ctx.policy, rows)

    return await feeds.answer(ctx, owner, version, build)


def _days(tasks: Sequence[TaskRow], projects: Sequence[DueProject]) -> Iterator[CalendarDay]:
    tasks_of, projects_of = defaultdict(list), defaultdict(list)
    for task in tasks:
        tasks_of[task.due_date].append(task)
    for project in projects:
        projects_of[project.due_date].append(project)
    for day in sorted({*tasks_of, *projects_of}):
        yield CalendarDay(day, views(tasks_of[day]), projects_of[day])


def _file(policy: Policy, rows: Sequence[DueRow]) -> CalendarFile:
    ordered = sorted(rows, key=lambda row: (row.due_date, row.id))
    return calendar_file(policy.title, policy.name, map(_event, ordered))


def _event(row: DueRow) -> AllDay:
    tick = "✓ " if row.status == "completed" else ""
    project = f" ({row.project_name})" if row.project_name else ""
    return AllDay(row.id, row.due_date, f"{tick}{row.name}{project}", _beginning(row.description), row.updated_at)


def _beginning(description: str) -> str:
    most = rules.FEED_DESCRIPTION
    return description if len(description) <= most else f"{description[:most]}…"
