"""The tables of the review queue: their rows, and every statement on them.

All times are the database's, so that leases end at one moment for all processes. In statements that return tasks or change
leases $1 is the id of the reviewer who asks.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from core.platform.db import Many, One, Run, Scalar
from core.work.personal_data import PersonalData, rows_of

MOST_PRIORITY = 9


class ReviewTask(msgspec.Struct, frozen=True, rename="camel"):
    """A task: what is to be decided about a subject, and why. `facts` are `{name, value}`, for display.

    `state`: open, or the decision that was made last; without `decidedAt` it can still be decided. `version` counts changes of
    the facts. `heldBy` is the name of its present holder, until `heldUntil`. `isMine`: the caller holds it; `isDecider`: the
    caller has decided it; `isExcluded`: the caller must not. `appealOf`: the task whose decision is appealed.
    """

    id: UUID
    market: str
    kind: str
    subject_type: str
    subject_id: UUID
    user_id: UUID | None
    user_name: str | None
    reason: str
    facts: list[dict[str, str]]
    version: int
    priority: int
    state: str
    appeal_of: UUID | None
    created_at: datetime
    due_at: datetime
    held_by: str | None
    held_until: datetime | None
    is_mine: bool
    is_excluded: bool
    decided_by: str | None
    decided_at: datetime | None
    is_decider: bool
    note: str


class ReviewNote(msgspec.Struct, frozen=True, rename="camel"):
    """What a reviewer has noted for the others."""

    id: UUID
    author: str
    text: str
    created_at: datetime


_LEASED = "t.held_until > now()"
_TASK = f"""
    select t.id, t.market, t.kind, t.subject_type, t.subject_id, t.user_id, u.name as user_name, t.reason, t.facts, t.version,
        t.priority, t.state, t.appeal_of, t.created_at, t.due_at,
        case when {_LEASED} then reviewer_name(t.held_by) end as held_by,
        case when {_LEASED} then t.held_until end as held_until,
        coalesce(t.held_by = $1 and {_LEASED}, false) as is_mine, $1::text = any (t.excluded) as is_excluded,
        reviewer_name(t.decided_by) as decided_by, t.decided_at, coalesce(t.decided_by = $1, false) as is_decider, t.note
    from review_tasks t left join users u on u.id = t.user_id"""  # noqa: S608 - no input in it
TASK = One(ReviewTask, _TASK + " where t.id = $2")
LOCKED = One(ReviewTask, _TASK + " where t.id = $2 for no key update of t")
# What is about a reviewer herself is not shown to her.
_OTHERS = "'user:' || t.user_id is distinct from $1::text"
# Queues are "market/kind" ($2). Open ones (true), those that were put aside (false) or both; of one holder, if she is named.
_UNDECIDED = f"""
    where {_OTHERS} and t.decided_at is null and t.queue = any ($2::text[]) and ($3::bool is null or (t.state = 'open') = $3)
        and (not $4::bool or t.held_by = $1 and t.held_until > now())"""
UNDECIDED = Many(ReviewTask, _TASK + _UNDECIDED + " order by t.priority desc, t.created_at, t.id limit $5 offset $6")
COUNT_UNDECIDED = Scalar(int, "select count(*) from review_tasks t" + _UNDECIDED)  # noqa: S608
# Likewise; those that the asking one has decided, or all.
_DECIDED = f"""
    where {_OTHERS} and t.decided_at is not null and t.queue = any ($2::text[]) and (not $3::bool or t.decided_by = $1)"""
DECIDED = Many(ReviewTask, _TASK + _DECIDED + " order by t.decided_at desc, t.id limit $4 offset $5")
COUNT_DECIDED = Scalar(int, "select count(*) from review_tasks t" + _DECIDED)  # noqa: S608
OF_SUBJECT = Many(
    ReviewTask,
    _TASK + " where t.market = $2 and t.subject_id = $3 and t.kind = any ($4::text[])"
    f" and {_OTHERS} order by t.created_at desc limit $5",
)
# The undecided task about a subject that is no appeal.
OPEN_ABOUT = Scalar(
    UUID,
    """
    select id from review_tasks
    where market = $1 and kind = $2 and subject_id = $3 and decided_at is null and appeal_of is null""",
)
LOCK_ABOUT = Scalar(
    UUID,
    """
    select id from review_tasks
    where market = $1 and kind = $2 and subject_id = $3 and decided_at is null and appeal_of is null for no key update""",
)
# One open task of each kind about a subject. A repeat that raises ($11: 1, else 0) or brings other facts opens it again if it was
# put aside; facts that are evidence ($12) stay as they were first. After a decision there is a new task, above it if this raises.
_NEWER = "not $12 and t.facts is distinct from excluded.facts"
REQUEST = Scalar(
    UUID,
    f"""
    insert into review_tasks as t
        (id, market, kind, subject_type, subject_id, user_id, reason, facts, priority, excluded, created_at, due_at)
    select $1, $2::text, $3::text, $4, $5::uuid, $6, $7, $8, least({MOST_PRIORITY}, greatest($9, (
            select p.priority + $11 from review_tasks p
            where $11 > 0 and p.market = $2 and p.kind = $3 and p.subject_id = $5 order by p.created_at desc limit 1
        ))), array_remove(array['user:' || $6::uuid], null), now(), now() + $10::interval
    on conflict (market, kind, subject_id) where decided_at is null and appeal_of is null do update
        set priority = least({MOST_PRIORITY}, greatest(t.priority, $9) + $11),
            reason = case when {_NEWER} then excluded.reason else t.reason end,
            facts = case when {_NEWER} then excluded.facts else t.facts end,
            version = t.version + case when {_NEWER} then 1 else 0 end,
            state = case when $11 > 0 or {_NEWER} then 'open' else t.state end,
            decided_by = case when $11 > 0 or {_NEWER} then null else t.decided_by end
    returning id""",  # noqa: S608 - no input in it
)
# Once for each task ($1), with $2 as its id. Who made the decision must not decide about it again.
APPEAL = Scalar(
    UUID,
    """
    insert into review_tasks
        (id, market, kind, subject_type, subject_id, user_id, reason, facts, priority, excluded, appeal_of, created_at, due_at)
    select $2, market, kind, subject_type, subject_id, user_id, $3, facts, priority, excluded || decided_by, id, now(), now() + $4
    from review_tasks where id = $1
    on conflict (appeal_of) do nothing returning id""",
)
LOCK_REVIEWER = Scalar(int, "select 1 from pg_advisory_xact_lock(hashtextextended($1, 0))")
HELD = Scalar(
    int,
    "select count(*) from review_tasks t where t.held_by = $1 and t.held_until > now() and ($2::uuid is null or t.id <> $2)",
)
# The first task of these queues that nobody holds; those that others are taking at this moment are passed over, not waited for.
TAKE_NEXT = Scalar(
    UUID,
    """
    update review_tasks set held_by = $1, held_until = now() + $3::interval where id = (
        select t.id from review_tasks t
        where t.decided_at is null and t.state = 'open' and t.queue = any ($2::text[])
            and (t.held_until is null or t.held_until <= now()) and $1 <> all (t.excluded)
        order by t.priority desc, t.created_at, t.id limit 1 for update skip locked
    ) returning id""",
)
# Of a task that is locked.
HOLD = Run("update review_tasks set held_by = $1, held_until = now() + $3::interval where id = $2")
RELEASE = Run("update review_tasks set held_by = null, held_until = null where id = $2 and held_by = $1")
DECIDE = Run(
    """
    update review_tasks set state = $3, note = $4, decided_by = $1, decided_at = case when $5 then now() end,
        held_by = null, held_until = null
    where id = $2"""
)
NOTE = Run("insert into review_notes (id, task_id, written_by, text, created_at) values ($2, $3, $1, $4, now())")
NOTES = Many(
    ReviewNote,
    """
    select id, reviewer_name(written_by) as author, text, created_at from review_notes
    where task_id = $1 order by created_at, id limit $2""",
)
FORGET = Run(
    """
    delete from review_tasks where id in (
        select id from review_tasks where decided_at < $1 order by decided_at limit $2 for update skip locked
    )"""
)
PERSONAL_DATA = PersonalData(
    "review tasks",
    frozenset({"review_tasks", "review_notes"}),
    # What she has asked for herself. That others have reported her would reveal them; what she has decided is in the audit log.
    rows_of(
        """
        select id, kind, subject_type, subject_id, reason, state, created_at, decided_at from review_tasks
        where user_id = $1 and appeal_of is not null order by id"""
    ),
    last=(
        Run("update review_tasks set reason = '', facts = '[]', note = '' where user_id = $1"),
        Run("delete from review_notes where task_id in (select id from review_tasks where user_id = $1)"),
    ),
    kept="For a year: that something was decided, by an id that has no name any more; her notes about others as a moderator.",
)
