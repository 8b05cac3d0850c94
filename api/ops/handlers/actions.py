"""Changes by operators. All are recorded in the audit log, with the operator's name."""

from dataclasses import replace
from uuid import UUID

from api.ops.operators import OperatorCtx
from api.ops.structs import Drained, JobIds, JobList, JobsDone, Resolution, SessionEnded, StatusChange
from core import reports
from core.accounts import sessions
from core.accounts.status import changes
from core.accounts.status.changes import MARKET_OF
from core.accounts.status.states import OF_USER, Standing
from core.base import clock, errors
from core.platform.db import found
from core.reports import Reported
from core.text.fields import Short
from core.work import dead_jobs
from core.work.dead_jobs import DeadJob
from core.work.unit_of_work import UnitOfWork, unit_of_work
from marketplaces import policy_of
from realtime.operations.admin_protocol import SetDrain

MOST_JOBS = 200


async def end_session(ctx: OperatorCtx, session_id: UUID) -> SessionEnded:
    """End a session: its sockets are closed on every hub and its tokens are of no use any more."""
    async with unit_of_work(ctx) as work:
        if not await sessions.end(work, session_id, None, "ended by an operator", operator=ctx.operator):
            raise errors.SESSION_NOT_FOUND.error()
    return SessionEnded(clock.now())


async def set_status(ctx: OperatorCtx, user_id: UUID, body: StatusChange) -> Standing:
    """Suspend, ban or approve a user, or take that back: all sessions of an account that may not be used end at once."""
    market = await MARKET_OF(ctx.db, user_id)
    if market is None:
        raise errors.USER_NOT_FOUND.error()
    await changes.set_status(
        replace(ctx, policy=policy_of(market)), user_id, body.status, body.reason, body.until, operator=ctx.operator
    )
    return found(await OF_USER(ctx.db, user_id), errors.USER_NOT_FOUND.error())


async def drain(ctx: OperatorCtx, hub_id: Short) -> Drained:
    """Empty a hub: it sends its clients away one by one, takes no new ones and is not ready, but stays up."""
    return await _set_drain(ctx, hub_id, on=True)


async def undrain(ctx: OperatorCtx, hub_id: Short) -> Drained:
    """Let a hub take clients again."""
    return await _set_drain(ctx, hub_id, on=False)


async def _set_drain(ctx: OperatorCtx, hub_id: str, *, on: bool) -> Drained:
    known = {one.id: one for one in await ctx.hubs.hub_statuses()}
    if hub_id not in known:
        raise errors.HUB_NOT_FOUND.error()
    if known[hub_id].is_silent:
        raise errors.HUB_SILENT.error()
    action = "hub.drain" if on else "hub.undrain"
    async with unit_of_work(ctx) as work:
        answered = not (await ctx.hubs.ask(SetDrain(hub_id, on), hub_id)).unheard
        await work.record(action, None, operator=ctx.operator, hub=hub_id, answered=answered)
    if not answered:
        raise errors.UNAVAILABLE.error("The hub did not answer in time: look whether it has done it")
    return Drained(on)


async def resolve_report(ctx: OperatorCtx, report_id: UUID, body: Resolution) -> Reported:
    """Note that a report, and so all of the same thing, has been dealt with; of one that is resolved already, return by whom."""
    return await reports.resolve(ctx, ctx.reviewer, report_id, body.note)


async def list_jobs(ctx: OperatorCtx) -> JobList:
    """List the oldest 200 jobs that failed in all their tries."""
    return JobList(await dead_jobs.OLDEST(ctx.db, MOST_JOBS), await dead_jobs.COUNT(ctx.db) or 0)


async def retry_jobs(ctx: OperatorCtx, body: JobIds) -> JobsDone:
    """Have dead jobs tried again by the workers, within seconds; not those whose arguments were not kept."""
    async with unit_of_work(ctx) as work:
        return await _recorded(ctx, work, "job.retry", await dead_jobs.retry(work.db, body.ids))


async def drop_jobs(ctx: OperatorCtx, body: JobIds) -> JobsDone:
    """Forget dead jobs."""
    async with unit_of_work(ctx) as work:
        return await _recorded(ctx, work, "job.drop", await dead_jobs.DROP(work.db, body.ids))


async def _recorded(ctx: OperatorCtx, work: UnitOfWork, action: str, jobs: list[DeadJob]) -> JobsDone:
    for job in jobs:
        await work.record(action, job.id, operator=ctx.operator, job=job.name)
    return JobsDone([job.id for job in jobs])
