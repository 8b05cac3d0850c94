"""Reminders of what is due."""

from datetime import timedelta

from core.base import clock
from core.work.context import Ctx
from core.work.unit_of_work import unit_of_work
from marketplaces.onswift import notices
from marketplaces.onswift.queries.reminders import TAKE

AHEAD = timedelta(days=1)
BATCH = 100


async def remind(ctx: Ctx) -> None:
    """Notify the assignees of tasks that are due today or tomorrow (UTC), once for each task."""
    while await _remind_some(ctx) == BATCH:
        pass


async def _remind_some(ctx: Ctx) -> int:
    today = clock.today()
    async with unit_of_work(ctx) as work:
        tasks = await TAKE(work.db, today, today + AHEAD, BATCH, clock.now())
        for task in tasks:
            values = {"task": task.name, "project": task.project_name, "day": task.due_date.isoformat()}
            await work.notify(notices.DEADLINE_APPROACHING, [task.assignee_id], task.id, **values)
    return len(tasks)
