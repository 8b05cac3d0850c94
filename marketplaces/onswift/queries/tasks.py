"""Tasks. Callers see those of projects that they created or whose team they are in."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from core.platform.db import Many, One, Run, Scalar
from marketplaces.onswift.queries.projects import SEES
from marketplaces.onswift.structs.projects import Status
from marketplaces.onswift.structs.tasks import Sort, Unassigned


class Place(msgspec.Struct, frozen=True, array_like=True):
    """The position of a task in a list of this order."""

    sort: Sort
    id: UUID
    due_date: date
    created_at: datetime
    name: str
    status: Status

    @property
    def values(self) -> tuple[object, ...]:
        """Return the parameters for the queries."""
        return self.id, self.due_date, self.created_at, self.name, self.status


class TaskRow(msgspec.Struct, frozen=True):
    id: UUID
    project_id: UUID
    project_name: str
    name: str
    description: str
    status: Status
    assignee_id: UUID | None
    assignee_name: str | None
    assignee_avatar: str | None
    due_date: date
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None


COLUMNS = """t.id, t.project_id, p.name as project_name, t.name, t.description, t.status,
        u.id as assignee_id, u.name as assignee_name, u.avatar_url as assignee_avatar,
        t.due_date, t.created_at, t.updated_at, t.completed_at"""
_TASKS = "onswift.tasks t join onswift.projects p on p.id = t.project_id left join users u on u.id = t.assignee_id"
# The tasks of user $1: all tasks of projects created by the user, and tasks assigned to the user.
OWN = """(
        select t.* from onswift.projects p join onswift.tasks t on t.project_id = p.id
        where p.creator_id = $1 and p.deleted_at is null
        union all
        select t.* from onswift.tasks t
        join onswift.project_team m on m.project_id = t.project_id and m.user_id = $1 and m.removed_at is null
        join onswift.projects p on p.id = t.project_id and p.deleted_at is null
        where t.assignee_id = $1
    ) t"""
OWN_TASKS = f"{OWN} join onswift.projects p on p.id = t.project_id left join users u on u.id = t.assignee_id"

_OF_PROJECT = "t.project_id = $1 and ($2::text is null or t.status = $2) and ($3::uuid is null or t.assignee_id = $3)"
LIST_OF_PROJECT = Many(
    TaskRow,
    f"""
    select {COLUMNS} from {_TASKS} where {_OF_PROJECT}
        and ($6::uuid is null or (t.due_date, t.created_at, t.id) > ($7::date, $8::timestamptz, $6))
    order by t.due_date, t.created_at, t.id limit $4 offset $5""",  # noqa: S608
)
COUNT_OF_PROJECT = Scalar(int, f"select count(*) from onswift.tasks t where {_OF_PROJECT}")  # noqa: S608

_FILTERED = """($2::text is null or t.status = $2) and ($3::uuid is null or t.assignee_id = $3)
    and ($4::uuid is null or t.project_id = $4)"""
_BY_STATUS = "array_position(array['planning', 'in-progress', 'completed'], {}.status)"
# The sort key of the list, and whether it is descending; `{0}` is a task, or the position of one.
_ORDERS: dict[Sort, tuple[tuple[str, ...], bool]] = {
    "dueDate": (("{0}.due_date", "{0}.id"), False),
    "-dueDate": (("{0}.due_date", "{0}.id"), True),
    "createdAt": (("{0}.created_at", "{0}.id"), False),
    "-createdAt": (("{0}.created_at", "{0}.id"), True),
    "name": (("lower({0}.name)", "{0}.id"), False),
    "-name": (("lower({0}.name)", "{0}.id"), True),
    "status": ((_BY_STATUS.replace("{}", "{0}"), "{0}.due_date", "{0}.id"), False),
    "-status": (("-" + _BY_STATUS.replace("{}", "{0}"), "{0}.due_date", "{0}.id"), False),
}


def _sorted_by(keys: tuple[str, ...], *, descending: bool) -> Many[TaskRow]:
    """Declare the list of a user's tasks in an order, after a position ($7 to $11: Place.values; null: from the start)."""
    of_task, of_place = (", ".join(key.format(one) for key in keys) for one in ("t", "a"))
    order = ", ".join(key.format("t") + (" desc" if descending else "") for key in keys)
    return Many(
        TaskRow,
        f"""
        with a as materialized (
            select $7::uuid as id, $8::date as due_date, $9::timestamptz as created_at, $10::text as name, $11::text as status
        )
        select {COLUMNS} from a cross join {OWN_TASKS}
        where {_FILTERED} and (a.id is null or ({of_task}) {"<" if descending else ">"} ({of_place}))
        order by {order} limit $5 offset $6""",  # noqa: S608 - no input in it
    )


LIST_OF_USER: dict[Sort, Many[TaskRow]] = {
    sort: _sorted_by(keys, descending=descending) for sort, (keys, descending) in _ORDERS.items()
}
COUNT_OF_USER = Scalar(int, f"select count(*) from {OWN} where {_FILTERED}")  # noqa: S608

TASK = One(TaskRow, f"select {COLUMNS} from {_TASKS} where t.project_id = $1 and t.id = $2")  # noqa: S608
IS_SEEN_BY = Scalar(
    bool,
    f"""
    select {SEES}
    from onswift.tasks t join onswift.projects p on p.id = t.project_id and p.deleted_at is null where t.id = $1""",  # noqa: S608
)
IS_DUE_FROM = Scalar(
    bool,
    """
    select t.assignee_id = $2 and t.status <> 'completed'
    from onswift.tasks t join onswift.projects p on p.id = t.project_id and p.deleted_at is null where t.id = $1""",
)
INSERT = Run(
    """
    insert into onswift.tasks (id, project_id, name, description, assignee_id, due_date, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $7)"""
)
# A new assignee or due date resets the reminder.
UPDATE = Run(
    """
    update onswift.tasks set name = $2, description = $3, status = $4, assignee_id = $5, due_date = $6, updated_at = $7,
        completed_at = case when $4 = 'completed' then coalesce(completed_at, $7) end,
        reminded_at = case when assignee_id = $5 and due_date = $6 then reminded_at end
    where id = $1"""
)
# Unassigns the open tasks of a user who has left the team; completed ones stay.
UNASSIGN = Many(
    Unassigned,
    """
    with changed as (
        update onswift.tasks set assignee_id = null, reminded_at = null, updated_at = $3
        where project_id = $1 and assignee_id = $2 and status <> 'completed' returning id, name, due_date
    )
    select id, name from changed order by due_date, id""",
)
DELETE = Run("delete from onswift.tasks where project_id = $1 and id = $2")
