"""Numbers about the work of a creator or a talent ($1), as of a day ($2)."""

from uuid import UUID

import msgspec

from core.platform.db import Many, One


class WorkRow(msgspec.Struct, frozen=True):
    projects: int
    projects_planning: int
    projects_in_progress: int
    projects_completed: int
    tasks: int
    tasks_planning: int
    tasks_in_progress: int
    tasks_completed: int
    tasks_on_time: int
    tasks_overdue: int
    deliverables: int
    deliverables_pending: int
    deliverables_approved: int
    deliverables_revision: int
    average_revisions: float | None


class CreatorRow(WorkRow, frozen=True):
    team_size: int


class TeamRow(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    avatar_url: str | None
    tasks: int
    tasks_completed: int
    tasks_on_time: int


_ON_TIME = "t.status = 'completed' and (t.completed_at at time zone 'UTC')::date <= t.due_date"
_PROJECTS = """(
        select count(*) as projects, count(*) filter (where p.status = 'planning') as projects_planning,
            count(*) filter (where p.status = 'in-progress') as projects_in_progress,
            count(*) filter (where p.status = 'completed') as projects_completed
        from"""
_TASKS = f"""(
        select count(*) as tasks, count(*) filter (where t.status = 'planning') as tasks_planning,
            count(*) filter (where t.status = 'in-progress') as tasks_in_progress,
            count(*) filter (where t.status = 'completed') as tasks_completed,
            count(*) filter (where {_ON_TIME}) as tasks_on_time,
            count(*) filter (where t.status <> 'completed' and t.due_date < $2) as tasks_overdue
        from"""
_DELIVERABLES = """(
        select count(*) as deliverables, count(*) filter (where d.status = 'pending') as deliverables_pending,
            count(*) filter (where d.status = 'approved') as deliverables_approved,
            count(*) filter (where d.status = 'revision') as deliverables_revision,
            avg(d.revision_count)::float8 as average_revisions
        from"""
_OWN = "onswift.projects p where p.creator_id = $1 and p.deleted_at is null"
OF_CREATOR = One(
    CreatorRow,
    f"""
    with own as (select p.* from {_OWN})
    select p.*, t.*, d.*, m.*
    from {_PROJECTS} own p) p
    cross join {_TASKS} own p join onswift.tasks t on t.project_id = p.id) t
    cross join {_DELIVERABLES} own p join onswift.deliverables d on d.project_id = p.id) d
    cross join (
        select count(distinct m.user_id) as team_size
        from own p join onswift.project_team m on m.project_id = p.id and m.removed_at is null
    ) m""",  # noqa: S608
)
TEAM_OF_CREATOR = Many(
    TeamRow,
    f"""
    select u.id, u.name, u.avatar_url, count(*) as tasks,
        count(*) filter (where t.status = 'completed') as tasks_completed, count(*) filter (where {_ON_TIME}) as tasks_on_time
    from (select p.id from {_OWN}) p
    join onswift.tasks t on t.project_id = p.id
    join users u on u.id = t.assignee_id
    group by u.id order by count(*) desc, u.id limit $2""",  # noqa: S608
)
# For projects that a talent has left, only completed tasks count, not open ones. Deliverables count with their status at that
# time: only pending ones can change after the talent has left.
OF_TALENT = One(
    WorkRow,
    f"""
    with own as (
        select p.*, m.removed_at from onswift.project_team m join onswift.projects p on p.id = m.project_id
        where m.user_id = $1 and p.deleted_at is null
    )
    select p.*, t.*, d.*
    from {_PROJECTS} own p where p.removed_at is null) p
    cross join {_TASKS} own p join onswift.tasks t on t.project_id = p.id
        where t.assignee_id = $1 and (p.removed_at is null or t.status = 'completed')) t
    cross join {_DELIVERABLES} own p cross join lateral (
        select case when l.is_later then 'pending' else s.status end as status,
            s.revision_count - (l.is_later and s.status = 'revision')::int as revision_count
        from onswift.deliverables s cross join lateral (select (s.updated_at > p.removed_at) is true as is_later) l
        where s.project_id = p.id and s.submitted_by_id = $1
    ) d) d""",  # noqa: S608
)
