"""Tasks of the review queue: listed, taken, decided; and appeals of those whom decisions are about."""

from dataclasses import replace
from uuid import UUID

from core.base import clock, errors
from core.base.paging import pagination
from core.files.links import review_links
from core.market.endpoints.review import structs
from core.market.endpoints.review.structs import ReviewDetails, ReviewPage, ReviewQuery, TaskView
from core.market.traits import call
from core.review_queue import deciding, kinds, queue, statistics, table
from core.review_queue.kinds import Reviewer, StaffCtx
from core.review_queue.statistics import SINCE, ReviewStatistics
from core.review_queue.table import ReviewTask
from core.text.fields import view_of
from core.work.context import Ctx

# Of what somebody else may hold or have decided.
OF_A_TASK = (errors.REVIEW_TASK_NOT_FOUND, errors.REVIEW_TASK_TAKEN, errors.REVIEW_TASK_DECIDED, errors.FORBIDDEN)
MOST_NOTES = 100
MOST_HISTORY = 50


@call(needs="review_kinds")
async def list_tasks(ctx: Ctx, query: ReviewQuery) -> ReviewPage:
    """Get what one may decide: undecided tasks by priority and age, decided ones the latest first"""
    by = _reviewer(ctx)
    queues = _chosen(by, query.market, query.kind)
    place = (query.limit, query.offset)
    if query.state == "decided":
        rows = await table.DECIDED(ctx.db, by.id, queues, query.mine, *place)
        total = await table.COUNT_DECIDED(ctx.db, by.id, queues, query.mine)
    else:
        only = (query.state == "open", query.mine)
        rows = await table.UNDECIDED(ctx.db, by.id, queues, *only, *place)
        total = await table.COUNT_UNDECIDED(ctx.db, by.id, queues, *only)
    return ReviewPage([_view(by, row) for row in rows], pagination(query, total or 0))


@call(errors.REVIEW_TASK_NOT_FOUND)
async def get_task(ctx: Ctx, task_id: UUID) -> ReviewDetails:
    """Get a task: its pictures, its notes, and what was decided about its subject before"""
    by = _reviewer(ctx)
    task, policy, _ = await queue.visible(ctx.db, by, task_id)
    names = [kind.name for owner, kind in by.queues.values() if owner is policy]
    others = await table.OF_SUBJECT(ctx.db, by.id, task.market, task.subject_id, names, MOST_HISTORY)
    links = await review_links(replace(ctx, policy=policy), task.subject_id)
    notes = await table.NOTES(ctx.db, task_id, MOST_NOTES)
    pictures = [structs.Picture(*one) for one in links]
    return ReviewDetails(_view(by, task), pictures, notes, [one for one in others if one.id != task_id])


@call(errors.TOO_MANY_REVIEW_TASKS, needs="review_kinds")
async def take_next(ctx: Ctx, query: structs.NextQuery) -> structs.NextTask:
    """Take the next task that nobody holds, by priority and age, for ten minutes"""
    by = _reviewer(ctx)
    task = await queue.take_next(ctx, by, _chosen(by, query.market, query.kind))
    return structs.NextTask(_view(by, task) if task else None)


@call(*OF_A_TASK, errors.TOO_MANY_REVIEW_TASKS)
async def take(ctx: Ctx, task_id: UUID) -> TaskView:
    """Take a task for ten minutes, or hold it for ten more"""
    by = _reviewer(ctx)
    return _view(by, await queue.take(ctx, by, task_id))


@call(errors.REVIEW_TASK_NOT_FOUND)
async def release(ctx: Ctx, task_id: UUID) -> TaskView:
    """Give a task back to the queue"""
    by = _reviewer(ctx)
    return _view(by, await queue.release(ctx, by, task_id))


@call(*OF_A_TASK, errors.DECISION_NOT_POSSIBLE, errors.PRECONDITION_FAILED)
async def decide(ctx: Ctx, task_id: UUID, body: structs.Verdict) -> TaskView:
    """Decide a task that one holds, or nobody"""
    by = _reviewer(ctx)
    return _view(by, await deciding.decide(ctx, by, task_id, body.decision, body.note, body.version))


async def decide_many(ctx: Ctx, body: structs.Verdicts) -> structs.Outcomes:
    """Decide several tasks alike; each is answered on its own"""
    return structs.Outcomes(await deciding.decide_many(ctx, _reviewer(ctx), body.ids, body.decision, body.note))


@call(errors.REVIEW_TASK_NOT_FOUND, statuses=(204,))
async def add_note(ctx: Ctx, task_id: UUID, body: structs.NewNote) -> None:
    """Note something about a task, for others who decide"""
    await queue.note(ctx, _reviewer(ctx), task_id, body.text)


async def get_statistics(ctx: Ctx) -> ReviewStatistics:
    """Get how much is open and how old, who has decided how much a day, and how long it took, in the last 30 days"""
    return await statistics.of_queues(ctx.db, list(_reviewer(ctx).queues), clock.now() - SINCE)


@call(errors.REVIEW_TASK_NOT_FOUND, errors.APPEAL_NOT_POSSIBLE, statuses=(201,))
async def appeal(ctx: Ctx, task_id: UUID, body: structs.NewAppeal) -> structs.Appeal:
    """Have somebody else decide again about a decision that is about oneself"""
    return structs.Appeal(await deciding.appeal(ctx, task_id, body.reason))


def _reviewer(ctx: Ctx) -> Reviewer:
    if isinstance(ctx, StaffCtx):
        return ctx.reviewer
    return kinds.user(ctx.user.person, ctx.user.role, ctx.policy)


def _chosen(reviewer: Reviewer, market: str | None, kind: str | None) -> list[str]:
    chosen = [(policy.name, one.name) for policy, one in reviewer.queues.values()]
    return [f"{name}/{one}" for name, one in chosen if market in (None, name) and kind in (None, one)]


def _view(reviewer: Reviewer, task: ReviewTask) -> TaskView:
    _, kind = reviewer.queues[f"{task.market}/{task.kind}"]
    may = not (task.decided_at or task.is_excluded)
    return view_of(TaskView, task, decisions=list(kind.decisions.get(task.state, ())) if may else [])
