"""Reports by users to the operators, about a person or a message. Nobody else sees them.

The text of a reported message is stored with the report, because it may be edited or deleted later; for a deleted message
its last text. A report is open until an operator resolves it, and reopens if its reporter repeats it.

In a marketplace with the kind REVIEW, all reports of one thing are one task of the review queue, whose decision resolves them.
"""

from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from core.accounts.identity import role_of
from core.accounts.sessions import LOCK_USER
from core.base import clock, errors
from core.chat.membership import require_member
from core.limits.budget import Rate
from core.platform.db import Many, One, Run, Scalar, found
from core.review_queue import deciding, queue
from core.review_queue import table as review_tasks
from core.review_queue.kinds import OPEN, Decision, Reviewer, ReviewKind, Subject, kind_named
from core.review_queue.table import ReviewTask
from core.work import rate_limits as limits
from core.work.context import Ctx, Resources
from core.work.personal_data import PersonalData, rows_of
from core.work.unit_of_work import UnitOfWork, unit_of_work

Status: TypeAlias = Literal["open", "resolved"]
Reason: TypeAlias = Literal["spam", "harassment", "hate", "sexual", "violence", "scam", "impersonation", "other"]
REPORTS: Final = Rate("reports", 20, 60 * 60)  # of one user
KIND: Final = "report"  # of tasks of the review queue
RESOLVED: Final = "resolve"
KEPT: Final = timedelta(days=365)


class Report(msgspec.Struct, frozen=True, rename="camel"):
    """What the reporter has of her report; reported again, it says what she says now."""

    id: UUID
    user_id: UUID
    message_id: UUID | None
    reason: Reason
    text: str
    created_at: datetime


class Reported(msgspec.Struct, frozen=True, rename="camel"):
    """A report as operators see it. `evidence`: what the message said when it was first reported.

    `resolvedBy`: the operator who has dealt with it, `note`: what was done. Without `resolvedAt` it is open.
    """

    id: UUID
    market: str
    reporter_id: UUID
    reporter_name: str
    user_id: UUID
    user_name: str
    conversation_id: UUID | None
    message_id: UUID | None
    reason: str
    text: str
    evidence: str | None
    created_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    note: str


class ReportId(msgspec.Struct, frozen=True):
    id: UUID


class Said(msgspec.Struct, frozen=True):
    """A message of a user."""

    sender_id: UUID
    kind: str
    content: str


MESSAGE = One(
    Said,
    """
    select m.sender_id, m.kind, placed(case when m.deleted_at is null then m.body else coalesce((
        select e.body from message_edits e where e.conversation_id = m.conversation_id and e.seq = m.seq
        order by e.version desc limit 1
    ), '') end, 'messages.body ' || m.id) as content
    from messages m where m.conversation_id = $1 and m.id = $2""",
)
INSERT = One(
    Report,
    """
    insert into reports as r
        (id, market, reporter_id, user_id, conversation_id, message_id, reason, text, evidence, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    on conflict (reporter_id, user_id, message_id) do update
        set reason = excluded.reason, text = excluded.text, resolved_at = null, resolved_by = null, note = ''
    returning r.id, r.user_id, r.message_id, r.reason, r.text, r.created_at""",
)
_REPORTED = """
    select r.id, r.market, r.reporter_id, b.name as reporter_name, r.user_id, u.name as user_name, r.conversation_id,
        r.message_id, r.reason, r.text, placed(r.evidence, 'reports.evidence ' || r.id) as evidence,
        r.created_at, r.resolved_at, reviewer_name(r.resolved_by) as resolved_by, r.note
    from reports r join users b on b.id = r.reporter_id join users u on u.id = r.user_id"""
# Latest first: those before report $1, if given, at most $2; only about user $3, if given; only open ones ($4: true) or
# resolved ones (false); only about that user herself or one message ($5).
PAGE = Many(
    Reported,
    _REPORTED
    + """
    where ($1::uuid is null or r.id < $1) and ($3::uuid is null or r.user_id = $3)
        and ($4::bool is null or (r.resolved_at is null) = $4)
        and ($5::uuid is null or coalesce(r.message_id, r.user_id) = $5)
    order by r.id desc limit $2""",
)
COUNT = Scalar(
    int,
    """
    select count(*) from reports
    where ($1::uuid is null or user_id = $1) and ($2::bool is null or (resolved_at is null) = $2)
        and ($3::uuid is null or coalesce(message_id, user_id) = $3)""",
)
BY_ID = One(Reported, _REPORTED + " where r.id = $1")
RESOLVE = Scalar(
    UUID,
    """
    update reports set resolved_at = $2, resolved_by = $3, note = $4 where id = $1 and resolved_at is null
    returning id""",
)
# All that is open about a user herself, or about one message of hers ($2).
RESOLVE_ALL = Many(
    ReportId,
    """
    update reports set resolved_at = $3, resolved_by = $4, note = $5
    where user_id = $1 and message_id is not distinct from $2 and resolved_at is null returning id""",
)
IS_OPEN = Scalar(
    bool,
    """
    select exists (
        select from reports
        where reporter_id = $1 and user_id = $2 and message_id is not distinct from $3 and resolved_at is null
    )""",
)
# Reports made before a time ($1), at most $2, oldest first.
FORGET = Run(
    """
    delete from reports where id in (
        select id from reports where created_at < $1 order by created_at limit $2
    )"""
)
PERSONAL_DATA = PersonalData(
    "reports",
    frozenset({"reports"}),
    # Reports about the user are not exported: they would reveal the reporters.
    rows_of(
        """
        select id, user_id, conversation_id, message_id, reason, text, created_at from reports
        where reporter_id = $1 order by id"""
    ),
    last=(
        Run("update reports set text = '' where reporter_id = $1 and text <> ''"),
        Run("update reports set note = '' where (reporter_id = $1 or user_id = $1) and note <> ''"),
    ),
    kept="For a year: that something was reported, and what a reported message said, without the names of either.",
)


async def report_user(ctx: Ctx, user_id: UUID, reason: Reason, text: str) -> Report:
    """Report a user; raises USER_NOT_FOUND, RATE_LIMITED, VALIDATION_ERROR: oneself."""
    await role_of(ctx, user_id)
    return await _store(ctx, user_id, None, None, reason, text, None)


async def report_message(ctx: Ctx, conversation_id: UUID, id: UUID, reason: Reason, text: str) -> Report:
    """Report a message that the caller can read, also a deleted one; raises as history.get, and as report_user."""
    await require_member(ctx, conversation_id)
    said = found(await MESSAGE(ctx.db, conversation_id, id), errors.MESSAGE_NOT_FOUND.error())
    if said.kind != "text":
        raise errors.invalid("messageId", "Must be a message that somebody has written")
    return await _store(
        ctx, said.sender_id, conversation_id, id, reason, text, ctx.resources.sealing.shown(said.content)
    )


async def page(
    resources: Resources,
    before: UUID | None,
    limit: int,
    user_id: UUID | None,
    status: Status | None,
    subject_id: UUID | None = None,
) -> tuple[list[Reported], int]:
    """Return a page of reports for operators, latest first, and the total, for all users or one, with one status.

    `subject_id`: what they are about, a message or the user herself.
    """
    only = (user_id, None if status is None else status == "open", subject_id)
    rows = await PAGE(resources.db, before, limit, *only)
    return resources.sealing.opened(rows, "evidence"), await COUNT(resources.db, *only) or 0


async def resolve(ctx: Ctx, reviewer: Reviewer, id: UUID, note: str) -> Reported:
    """Record that a reviewer has dealt with a report, and so with all of the same thing; a resolved one stays as it is.

    Raises REPORT_NOT_FOUND; what `decide` of the review queue raises, if it has the report.
    """
    missing = errors.REPORT_NOT_FOUND.error()
    report = found(await BY_ID(ctx.db, id), missing)
    if report.resolved_at is None:
        subject = report.message_id or report.user_id
        if task := await review_tasks.OPEN_ABOUT(ctx.db, report.market, KIND, subject):
            await deciding.decide(ctx, reviewer, task, RESOLVED, note)
        else:
            await _resolve_one(ctx, reviewer, id, note)
    return ctx.resources.sealing.opened([found(await BY_ID(ctx.db, id), missing)], "evidence")[0]


async def _resolve_one(ctx: Ctx, reviewer: Reviewer, id: UUID, note: str) -> None:
    async with unit_of_work(ctx) as work:
        if await RESOLVE(work.db, id, clock.now(), reviewer.id, note):
            await work.record("report.resolve", id, None, **reviewer.facts)


async def _resolve_all(work: UnitOfWork, task: ReviewTask, decision: Decision) -> None:
    """Resolve what the task is about, whatever was decided."""
    message = task.subject_id if task.subject_type == "message" else None
    by = decision.reviewer
    for report in await RESOLVE_ALL(work.db, task.user_id, message, clock.now(), by.id, decision.note):
        await work.record("report.resolve", report.id, None, **by.facts)


REVIEW: Final = ReviewKind(KIND, {OPEN: (RESOLVED, "dismiss")}, _resolve_all, is_evidence=True)


async def _store(
    ctx: Ctx,
    user_id: UUID,
    conversation_id: UUID | None,
    message_id: UUID | None,
    reason: Reason,
    text: str,
    evidence: str | None,
) -> Report:
    if user_id == ctx.user.id:
        raise errors.invalid("messageId" if message_id else "userId", "Must not be your own")
    await limits.take(ctx, REPORTS, str(ctx.user.id))
    about = (user_id, conversation_id, message_id)
    id = ctx.new_id()
    if evidence is not None and ctx.policy.seals_messages:
        evidence = ctx.sealed("reports.evidence", id, evidence)
    async with unit_of_work(ctx) as work:
        await _ask_for_review(ctx, work, user_id, message_id, reason, evidence)
        row = await INSERT(work.db, id, ctx.policy.name, ctx.user.id, *about, reason, text, evidence, clock.now())
        report = found(row, errors.INTERNAL_ERROR.error())
        await work.record("report.make", report.id, reason=reason)
    return report


async def _ask_for_review(
    ctx: Ctx, work: UnitOfWork, user_id: UUID, message_id: UUID | None, reason: str, evidence: str | None
) -> None:
    """Have somebody decide; before the report is stored, because a decision locks the task before its reports."""
    if kind := kind_named(ctx.policy, KIND):
        subject = Subject("message" if message_id else "user", message_id or user_id, user_id)
        # Where messages are sealed, only the report has what was said.
        facts = {"Message": evidence or ""} if message_id and not ctx.policy.seals_messages else {}
        await LOCK_USER(work.db, ctx.user.id)  # of her reports at once the second is a repeat
        is_repeat = await IS_OPEN(work.db, ctx.user.id, user_id, message_id) or False
        await queue.request(work, kind, subject, reason, facts, raises=not is_repeat)
