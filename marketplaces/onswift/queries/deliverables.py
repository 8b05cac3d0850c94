"""Deliverables. Talents who have left the team of a project can no longer see their own there."""

from datetime import datetime
from uuid import UUID

import msgspec

from core.base.people import Person
from core.platform.db import Many, One, Run, Scalar
from marketplaces.onswift.structs.deliverables import DeliverableStatus


class DeliverableRow(msgspec.Struct, frozen=True):
    """A deliverable, with the facts that access depends on: the project's creator, and whether the submitter is in the team."""

    id: UUID
    project_id: UUID
    project_name: str
    creator_id: UUID
    task_id: UUID
    task_name: str
    title: str
    description: str
    status: DeliverableStatus
    revision_count: int
    feedback: str | None
    submitted_by_id: UUID
    submitted_by_name: str
    submitted_by_avatar: str | None
    in_team: bool
    approved_by_id: UUID | None
    approved_by_name: str | None
    approved_by_avatar: str | None
    approved_at: datetime | None
    submitted_at: datetime
    updated_at: datetime
    version: int

    @property
    def submitted_by(self) -> Person:
        return Person(self.submitted_by_id, self.submitted_by_name, self.submitted_by_avatar)

    @property
    def approved_by(self) -> Person | None:
        if self.approved_by_id is None:
            return None
        return Person(self.approved_by_id, self.approved_by_name or "", self.approved_by_avatar)


class DeliverableId(msgspec.Struct, frozen=True):
    id: UUID


_DELIVERABLES = """
    select d.id, d.project_id, p.name as project_name, p.creator_id, d.task_id, t.name as task_name, d.title, d.description,
        d.status, d.revision_count, d.feedback,
        s.id as submitted_by_id, s.name as submitted_by_name, s.avatar_url as submitted_by_avatar, m.in_team,
        a.id as approved_by_id, a.name as approved_by_name, a.avatar_url as approved_by_avatar, d.approved_at,
        d.submitted_at, d.updated_at, d.version
    from onswift.deliverables d
    join onswift.projects p on p.id = d.project_id and p.deleted_at is null
    join onswift.tasks t on t.id = d.task_id
    join users s on s.id = d.submitted_by_id
    left join users a on a.id = d.approved_by_id
    cross join lateral (
        select exists (
            select from onswift.project_team m
            where m.project_id = d.project_id and m.user_id = d.submitted_by_id and m.removed_at is null
        ) as in_team
    ) m"""
_FILTERED = "($2::text is null or d.status = $2) and ($3::uuid is null or d.project_id = $3)"
_LATEST = "and (d.submitted_at, d.id) < ($6, $7) order by d.submitted_at desc, d.id desc limit $4 offset $5"
_COUNTED = """
    select count(*) from onswift.deliverables d join onswift.projects p on p.id = d.project_id and p.deleted_at is null"""
_IN_TEAM = """exists (
        select from onswift.project_team m where m.project_id = d.project_id and m.user_id = $1 and m.removed_at is null
    )"""
LIST_OF_CREATOR = Many(DeliverableRow, f"{_DELIVERABLES} where p.creator_id = $1 and {_FILTERED} {_LATEST}")
COUNT_OF_CREATOR = Scalar(int, f"{_COUNTED} where p.creator_id = $1 and {_FILTERED}")
LIST_OF_SUBMITTER = Many(
    DeliverableRow, f"{_DELIVERABLES} where d.submitted_by_id = $1 and m.in_team and {_FILTERED} {_LATEST}"
)
COUNT_OF_SUBMITTER = Scalar(int, f"{_COUNTED} where d.submitted_by_id = $1 and {_IN_TEAM} and {_FILTERED}")
DELIVERABLE = One(DeliverableRow, f"{_DELIVERABLES} where d.id = $1")
# Every change of a deliverable locks its project first, so that team, task and status cannot change until the commit.
LOCK_PROJECT = Scalar(
    UUID,
    """
    select id from onswift.projects
    where id = (select project_id from onswift.deliverables where id = $1) for update""",
)
IS_SEEN_BY = Scalar(
    bool,
    """
    select p.creator_id = $2 or d.submitted_by_id = $2 and exists (
        select from onswift.project_team m where m.project_id = d.project_id and m.user_id = $2 and m.removed_at is null
    )
    from onswift.deliverables d join onswift.projects p on p.id = d.project_id and p.deleted_at is null where d.id = $1""",
)
OF_TASK = Many(DeliverableId, "select id from onswift.deliverables where task_id = $1")
INSERT = Run(
    """
    insert into onswift.deliverables
        (id, project_id, task_id, submitted_by_id, title, description, submitted_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $7)"""
)
UPDATE = Run(
    """
    update onswift.deliverables set title = $2, description = $3, status = $4, revision_count = $5, feedback = $6,
        approved_by_id = $7, approved_at = $8, updated_at = $9, version = version + 1
    where id = $1"""
)
# A rejected file revokes an approval that was given before the check.
TAKE_BACK = Scalar(
    int,
    """
    update onswift.deliverables set status = 'pending', approved_by_id = null, approved_at = null, updated_at = $2,
        version = version + 1
    where id = $1 and status = 'approved' returning version""",
)
DELETE = Run("delete from onswift.deliverables where id = $1")
