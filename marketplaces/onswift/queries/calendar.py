"""The user's tasks and projects that are due on some days; queries/tasks.py defines which tasks are the user's."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from core.platform.db import Many, One
from marketplaces.onswift.queries.tasks import COLUMNS, OWN, OWN_TASKS, TaskRow
from marketplaces.onswift.structs.calendar import DueProject
from marketplaces.onswift.structs.projects import Status


class DueTask(TaskRow, frozen=True):
    """A task, with the total size of the descriptions up to and including it."""

    octets: int


class DueRow(msgspec.Struct, frozen=True):
    """A task, or a project (it has no `project_name`), with the beginning of its description."""

    id: UUID
    name: str
    project_name: str | None
    description: str
    status: Status
    due_date: date
    updated_at: datetime


class FeedVersion(msgspec.Struct, frozen=True):
    """A value that changes whenever the feed does."""

    count: int
    changed_at: datetime | None
    ids: int


_IN_RANGE = "due_date between $2 and $3"
_CHOSEN = "($4::uuid is null or {} = $4)"
# One more than is shown, and one that is too long: so that it is known whether there is more.
TASKS = Many(
    DueTask,
    f"""
    select d.* from (
        select {COLUMNS}, sum(octet_length(t.description)) over (order by t.due_date, t.id) as octets
        from {OWN_TASKS} where t.{_IN_RANGE} and {_CHOSEN.format("t.project_id")}
    ) d
    where d.octets - octet_length(d.description) <= $5 order by d.due_date, d.id limit $6 + 1""",  # noqa: S608
)
# The projects of user $1: created by the user, or with the user in the team.
_OWN_PROJECTS = """(
        select p.* from onswift.projects p where p.creator_id = $1
        union all
        select p.* from onswift.project_team m join onswift.projects p on p.id = m.project_id
        where m.user_id = $1 and m.removed_at is null
    ) p"""
_DUE_PROJECTS = f"{_OWN_PROJECTS} where p.deleted_at is null and p.{_IN_RANGE}"
PROJECTS = Many(
    DueProject,
    f"""
    select p.id, p.name, p.status, p.due_date from {_DUE_PROJECTS} and {_CHOSEN.format("p.id")}
    order by p.due_date, p.id limit $5 + 1""",  # noqa: S608
)
_DUE_TASKS = f"{OWN} join onswift.projects p on p.id = t.project_id where t.{_IN_RANGE}"
NEXT_TO = Many(
    DueRow,
    f"""
    select * from (
        select t.id, t.name, p.name as project_name, left(t.description, $5) as description, t.status, t.due_date, t.updated_at
        from {_DUE_TASKS}
        union all
        select p.id, p.name, null, left(p.description, $5), p.status, p.due_date, p.updated_at from {_DUE_PROJECTS}
    ) d
    order by abs(d.due_date - $4::date), d.due_date, d.id limit $6""",  # noqa: S608
)
VERSION = One(
    FeedVersion,
    f"""
    select count(*) as count, max(d.changed_at) as changed_at, coalesce(sum(uuid_hash(d.id)), 0)::bigint as ids from (
        select t.id, greatest(t.updated_at, p.updated_at) as changed_at from {_DUE_TASKS}
        union all
        select p.id, p.updated_at from {_DUE_PROJECTS}
    ) d""",  # noqa: S608
)
