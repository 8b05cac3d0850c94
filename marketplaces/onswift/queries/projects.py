"""Projects and their teams."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from core.platform.db import Many, One, Run, Scalar
from marketplaces.onswift.structs.projects import Membership, Status


class ProjectRow(msgspec.Struct, frozen=True):
    id: UUID
    creator_id: UUID
    name: str
    description: str
    status: Status
    due_date: date
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    task_count: int
    completed_task_count: int


class TeamRow(msgspec.Struct, frozen=True):
    project_id: UUID
    id: UUID
    name: str
    avatar_url: str | None
    role: str | None
    joined_at: datetime


class Standing(msgspec.Struct, frozen=True):
    """The facts of a project that access depends on, and whether a user is in its team."""

    id: UUID
    name: str
    creator_id: UUID
    status: Status
    is_member: bool


class Colleague(msgspec.Struct, frozen=True):
    user_id: UUID


_COLUMNS = """p.id, p.creator_id, p.name, p.description, p.status, p.due_date, p.created_at, p.updated_at, p.completed_at,
        t.task_count, t.completed_task_count"""
_COUNTS = """lateral (
            select count(*) as task_count, count(*) filter (where status = 'completed') as completed_task_count
            from onswift.tasks where project_id = p.id
        ) t"""
_MINE = """p.deleted_at is null and ($2::text is null or p.status = $2)"""
_LATEST = "and (p.created_at, p.id) < ($5, $6) order by p.created_at desc, p.id desc limit $3 offset $4"
LIST_OF_CREATOR = Many(
    ProjectRow,
    f"""
    select {_COLUMNS} from onswift.projects p cross join {_COUNTS}
    where p.creator_id = $1 and {_MINE} {_LATEST}""",  # noqa: S608
)
COUNT_OF_CREATOR = Scalar(int, f"select count(*) from onswift.projects p where p.creator_id = $1 and {_MINE}")  # noqa: S608
LIST_OF_MEMBER = Many(
    ProjectRow,
    f"""
    select {_COLUMNS}
    from onswift.project_team m join onswift.projects p on p.id = m.project_id cross join {_COUNTS}
    where m.user_id = $1 and m.removed_at is null and {_MINE} {_LATEST}""",  # noqa: S608
)
COUNT_OF_MEMBER = Scalar(
    int,
    f"""
    select count(*) from onswift.project_team m join onswift.projects p on p.id = m.project_id
    where m.user_id = $1 and m.removed_at is null and {_MINE}""",  # noqa: S608
)
PROJECT = One(
    ProjectRow,
    f"select {_COLUMNS} from onswift.projects p cross join {_COUNTS} where p.id = $1 and p.deleted_at is null",  # noqa: S608
)
SEES = """p.creator_id = $2 or exists (
        select from onswift.project_team m where m.project_id = p.id and m.user_id = $2 and m.removed_at is null
    )"""
IS_SEEN_BY = Scalar(
    bool,
    f"select {SEES} from onswift.projects p where p.id = $1 and p.deleted_at is null",  # noqa: S608
)
# Locked, so that its existence and its team cannot change until the commit.
_STANDING = """
    select p.id, p.name, p.creator_id, p.status, exists (
        select from onswift.project_team m where m.project_id = p.id and m.user_id = $2 and m.removed_at is null
    ) as is_member
    from onswift.projects p where p.id = $1 and p.deleted_at is null"""
STANDING = One(Standing, _STANDING)
LOCKED_STANDING = One(Standing, _STANDING + " for update of p")
INSERT = Run(
    """
    insert into onswift.projects (id, creator_id, name, description, due_date, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $6)"""
)
UPDATE = Run(
    """
    update onswift.projects set name = $2, description = $3, status = $4, due_date = $5, updated_at = $6,
        completed_at = case when $4 = 'completed' then coalesce(completed_at, $6) end
    where id = $1"""
)
DELETE = Run("update onswift.projects set deleted_at = $2, updated_at = $2 where id = $1")
TEAMS = Many(
    TeamRow,
    """
    select m.project_id, u.id, u.name, u.avatar_url, m.role, m.joined_at
    from onswift.project_team m join users u on u.id = m.user_id
    where m.project_id = any ($1::uuid[]) and m.removed_at is null order by m.joined_at, u.id""",
)
# Those of users $2 who work on a project with user $1: its creator, and team members who have submitted a deliverable or written
# a comment. Being in a team is not enough, since creators can add anybody. (For messages in its conversation: groups.KNOWN.)
COLLEAGUES = Many(
    Colleague,
    """
    with mine as (
        select p.id, p.creator_id from onswift.projects p where p.creator_id = $1 and p.deleted_at is null
        union
        select p.id, p.creator_id from onswift.project_team m join onswift.projects p on p.id = m.project_id
        where m.user_id = $1 and m.removed_at is null and p.deleted_at is null
    )
    select creator_id as user_id from mine where creator_id = any ($2::uuid[])
    union
    select t.user_id from mine join onswift.project_team t on t.project_id = mine.id
    where t.user_id = any ($2::uuid[]) and t.removed_at is null and (
        exists (select from onswift.deliverables d where d.submitted_by_id = t.user_id and d.project_id = t.project_id)
        or exists (
            select from onswift.task_comments c join onswift.tasks k on k.id = c.task_id
            where c.author_id = t.user_id and k.project_id = t.project_id
        )
    )""",
)
COUNT_OF_TEAM = Scalar(
    int, "select count(*) from onswift.project_team where project_id = $1 and removed_at is null and user_id <> $2"
)
ADD_MEMBER = One(
    Membership,
    """
    with talent as materialized ( -- locked before her place in the team, which the erasure of her account changes
        select id from users where id = $3 for key share
    )
    insert into onswift.project_team as m (id, project_id, user_id, role, joined_at)
    select $1, $2, talent.id, $4, $5 from talent
    on conflict (project_id, user_id) do update set role = excluded.role, joined_at = excluded.joined_at, removed_at = null,
            left_by_choice = false
        where m.removed_at is not null
    returning id, project_id, user_id, role, joined_at""",
)
# $4: whether the talent leaves by choice.
REMOVE_MEMBER = Run(
    """
    update onswift.project_team set removed_at = $3, left_by_choice = $4
    where project_id = $1 and user_id = $2 and removed_at is null"""
)
# Whether user $2 has left by choice since $3 and was not added again.
HAS_LEFT = Scalar(
    bool,
    """
    select true from onswift.project_team
    where project_id = $1 and user_id = $2 and left_by_choice and removed_at >= $3""",
)
