"""Due reminders of assignees about their tasks."""

from datetime import date
from uuid import UUID

import msgspec

from core.platform.db import Many


class Reminded(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    project_name: str
    assignee_id: UUID
    due_date: date


# Marked as they are taken. Rows locked by another worker or by a change are left for the next run.
TAKE = Many(
    Reminded,
    """
    with due as (
        select t.id, p.name as project_name
        from onswift.tasks t
        join onswift.projects p on p.id = t.project_id and p.deleted_at is null
        join onswift.project_team m on m.project_id = p.id and m.user_id = t.assignee_id and m.removed_at is null
        where t.due_date between $1 and $2 and t.status <> 'completed' and t.reminded_at is null
        order by t.due_date, t.id limit $3 for update of t skip locked
    )
    update onswift.tasks t set reminded_at = $4 from due where t.id = due.id
    returning t.id, t.name, due.project_name, t.assignee_id, t.due_date""",
)
