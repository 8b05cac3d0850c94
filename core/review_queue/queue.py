"""Tasks are asked for by marketplaces and capabilities, and held by one reviewer at a time, for some minutes.

A lease ends by its time: no job is needed, and an expired one is worth nothing to anybody else. Nobody waits for another.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Final
from uuid import UUID

from core.base import errors
from core.base.errors import Detail
from core.platform.db import Connection, Db, found
from core.review_queue import table
from core.review_queue.kinds import USER, Reviewer, ReviewKind, Subject, kind_named
from core.review_queue.table import ReviewTask
from core.work import audit
from core.work.context import Ctx
from core.work.policy import Policy
from core.work.unit_of_work import UnitOfWork, unit_of_work

LEASE: Final = timedelta(minutes=10)
MOST_HELD: Final = 10  # tasks of one reviewer
KEPT: Final = timedelta(days=365)  # after the decision


async def request(
    work: UnitOfWork,
    kind: ReviewKind,
    subject: Subject,
    reason: str = "",
    facts: Mapping[str, str] | None = None,
    *,
    priority: int = 0,
    raises: bool = False,
) -> UUID:
    """Have somebody decide about a subject; return the id of its one open task of this kind.

    `priority`: 0 to 9; `raises`: a task that there is or was rises by one, as somebody else asks. Asked for again with other
    facts it shows those, and is open again if it was put aside.
    Call it, or `lock_about`, before the subject's own rows are locked: a decision locks the task first.
    """
    shown = [{"name": name, "value": value} for name, value in (facts or {}).items()]
    about = (subject.type, subject.id, subject.user_id)
    rules = (kind.sla, int(raises), kind.is_evidence)
    market, id = work.ctx.policy.name, work.new_id()
    asked = await table.REQUEST(work.db, id, market, kind.name, *about, reason, shown, priority, *rules)
    if asked is None:
        raise errors.INTERNAL_ERROR.error()
    return asked


async def lock_about(work: UnitOfWork, kind: str, subject_id: UUID) -> None:
    """Lock the undecided task about a subject, if there is one: for who locks the subject's rows before a `request`."""
    if kind_named(work.ctx.policy, kind):
        await table.LOCK_ABOUT(work.db, work.ctx.policy.name, kind, subject_id)


async def visible(db: Db, reviewer: Reviewer, task_id: UUID) -> tuple[ReviewTask, Policy, ReviewKind]:
    """Return a task that a reviewer may see, with its policy and kind; none that is about her. Raises REVIEW_TASK_NOT_FOUND."""
    task = found(await table.TASK(db, reviewer.id, task_id), errors.REVIEW_TASK_NOT_FOUND.error())
    queue = reviewer.queues.get(f"{task.market}/{task.kind}")
    if queue is None or reviewer.id == f"{USER}{task.user_id}":
        raise errors.REVIEW_TASK_NOT_FOUND.error()
    return task, *queue


async def locked(db: Connection, reviewer: Reviewer, task_id: UUID) -> ReviewTask:
    """Lock a visible task which nobody else holds, until the commit.

    Raises REVIEW_TASK_TAKEN; FORBIDDEN if it is about her own decision.
    """
    task = found(await table.LOCKED(db, reviewer.id, task_id), errors.REVIEW_TASK_NOT_FOUND.error())
    if task.is_excluded:
        raise errors.FORBIDDEN.error("It is about your own decision: somebody else must decide")
    if task.held_by and task.held_until and not task.is_mine:
        until = task.held_until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        details = [Detail("heldBy", task.held_by), Detail("heldUntil", until)]
        raise errors.REVIEW_TASK_TAKEN.error(f"{task.held_by} holds this task", details)
    return task


async def take_next(ctx: Ctx, reviewer: Reviewer, queues: list[str]) -> ReviewTask | None:
    """Take the first free task of these queues: by priority, then age. None: there is none.

    Raises TOO_MANY_REVIEW_TASKS.
    """
    async with unit_of_work(ctx) as work:
        await _require_room(work, reviewer)
        id = await table.TAKE_NEXT(work.db, reviewer.id, queues, LEASE)
        if id is None:
            return None
        task = await _now(work, reviewer, id)
        await _record(work, "review.take", reviewer, task)
    return task


async def take(ctx: Ctx, reviewer: Reviewer, task_id: UUID) -> ReviewTask:
    """Take a task, or renew one's lease of it; raises as `locked`, REVIEW_TASK_DECIDED, TOO_MANY_REVIEW_TASKS."""
    _, policy, _ = await visible(ctx.db, reviewer, task_id)
    async with unit_of_work(replace(ctx, policy=policy)) as work:
        await _require_room(work, reviewer, task_id)
        before = await locked(work.db, reviewer, task_id)
        if before.decided_at:
            raise decided_already(before)
        await table.HOLD(work.db, reviewer.id, task_id, LEASE)
        task = await _now(work, reviewer, task_id)
        if not before.is_mine:
            await _record(work, "review.take", reviewer, task)
    return task


async def release(ctx: Ctx, reviewer: Reviewer, task_id: UUID) -> ReviewTask:
    """Give a task back to the queue; one that the reviewer does not hold stays as it is."""
    _, policy, _ = await visible(ctx.db, reviewer, task_id)
    async with unit_of_work(replace(ctx, policy=policy)) as work:
        is_released = await table.RELEASE(work.db, reviewer.id, task_id)
        task = await _now(work, reviewer, task_id)
        if is_released:
            await _record(work, "review.release", reviewer, task)
    return task


async def note(ctx: Ctx, reviewer: Reviewer, task_id: UUID, text: str) -> None:
    """Note something about a task, for other reviewers."""
    task, policy, _ = await visible(ctx.db, reviewer, task_id)
    async with unit_of_work(replace(ctx, policy=policy)) as work:
        await table.NOTE(work.db, reviewer.id, work.new_id(), task_id, text)
        await _record(work, "review.note", reviewer, task)


def decided_already(task: ReviewTask) -> errors.AppError:
    """Return the error about a task that has been decided."""
    details = [Detail("decidedBy", task.decided_by or ""), Detail("decision", task.state)]
    return errors.REVIEW_TASK_DECIDED.error(f"{task.decided_by} has decided this task: {task.state}", details)


async def _require_room(work: UnitOfWork, reviewer: Reviewer, task_id: UUID | None = None) -> None:
    """Raise TOO_MANY_REVIEW_TASKS if she holds so many besides this one. Who takes two at once waits for herself only."""
    await table.LOCK_REVIEWER(work.db, f"reviewer {reviewer.id}")
    if (await table.HELD(work.db, reviewer.id, task_id) or 0) >= MOST_HELD:
        raise errors.TOO_MANY_REVIEW_TASKS.error()


async def _now(work: UnitOfWork, reviewer: Reviewer, task_id: UUID) -> ReviewTask:
    return found(await table.TASK(work.db, reviewer.id, task_id), errors.REVIEW_TASK_NOT_FOUND.error())


async def _record(work: UnitOfWork, action: str, reviewer: Reviewer, task: ReviewTask) -> None:
    policy, _ = reviewer.queues[f"{task.market}/{task.kind}"]
    facts: dict[str, object] = {"kind": task.kind, "subject": str(task.subject_id), **reviewer.facts}
    await audit.record(replace(work.ctx, policy=policy), work.db, action, task.id, facts)
