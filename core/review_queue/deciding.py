"""Decisions, from the table of the task's kind, with what follows from them in one transaction; appeals against them."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import msgspec

from core.base import errors
from core.base.errors import AppError
from core.platform.db import found
from core.review_queue import table
from core.review_queue.kinds import USER, Decision, Reviewer, kind_named
from core.review_queue.queue import decided_already, locked, visible
from core.review_queue.table import ReviewTask
from core.work.context import Ctx
from core.work.unit_of_work import unit_of_work


class Outcome(msgspec.Struct, frozen=True):
    """What became of one of many tasks: `code` is "DECIDED", or that of the error."""

    id: UUID
    code: str = "DECIDED"
    message: str = ""


async def decide(
    ctx: Ctx, reviewer: Reviewer, task_id: UUID, name: str, note: str = "", version: int | None = None
) -> ReviewTask:
    """Decide a task that the reviewer holds, or nobody. Her own decision, repeated, stays as it is.

    `version`: what she has seen of it. Raises as `locked`, REVIEW_TASK_DECIDED, DECISION_NOT_POSSIBLE, PRECONDITION_FAILED, and
    whatever the kind's function raises.
    """
    _, policy, kind = await visible(ctx.db, reviewer, task_id)
    async with unit_of_work(replace(ctx, policy=policy)) as work:
        task = await locked(work.db, reviewer, task_id)
        if task.is_decider and task.state == name:
            return task
        if task.decided_at:
            raise decided_already(task)
        if name not in kind.decisions.get(task.state, ()):
            possible = ", ".join(kind.decisions.get(task.state, ()))
            raise errors.DECISION_NOT_POSSIBLE.error(f"What is {task.state} can become: {possible}")
        if version not in (None, task.version):
            raise errors.PRECONDITION_FAILED.error()
        is_final = name not in kind.decisions
        await table.DECIDE(work.db, reviewer.id, task.id, name, note, is_final)
        if note and not is_final:  # the next decision has a note of its own
            await table.NOTE(work.db, reviewer.id, work.new_id(), task.id, note)
        await kind.decided(work, task, Decision(name, note, reviewer))
        facts = {"kind": kind.name, "subject": str(task.subject_id), "before": task.state, "decision": name}
        await work.record("review.decide", task.id, None, **facts, **reviewer.facts)
        return found(await table.TASK(work.db, reviewer.id, task.id), errors.REVIEW_TASK_NOT_FOUND.error())


async def decide_many(ctx: Ctx, reviewer: Reviewer, ids: Sequence[UUID], name: str, note: str) -> list[Outcome]:
    """Decide several tasks alike, each on its own; return what became of each, in this order."""
    outcomes = []
    for id in dict.fromkeys(ids):
        try:
            await decide(ctx, reviewer, id, name, note)
            outcomes.append(Outcome(id))
        except AppError as error:
            outcomes.append(Outcome(id, error.kind.code, error.message))
    return outcomes


async def appeal(ctx: Ctx, task_id: UUID, reason: str) -> UUID:
    """Have somebody else decide again about a decision on the caller; return the id of the new task.

    Raises REVIEW_TASK_NOT_FOUND, APPEAL_NOT_POSSIBLE.
    """
    async with unit_of_work(ctx) as work:
        missing = errors.REVIEW_TASK_NOT_FOUND.error()
        task = found(await table.LOCKED(work.db, f"{USER}{ctx.user.id}", task_id), missing)
        if task.user_id != ctx.user.id or task.market != ctx.policy.name:
            raise missing
        kind = kind_named(ctx.policy, task.kind)
        if kind is None or task.appeal_of or not task.decided_at or task.state not in kind.appealable:
            raise errors.APPEAL_NOT_POSSIBLE.error()
        id = await table.APPEAL(work.db, task.id, work.new_id(), reason, kind.sla)
        if id is None:
            raise errors.APPEAL_NOT_POSSIBLE.error("It has been appealed already")
        await work.record("review.appeal", id, task=str(task.id))
    return id
