"""What of a user's own is due in some days; see queries/tasks.py for what is her own."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from core.db import Many
from marketplaces.onswift.queries.tasks import COLUMNS, OWN_TASKS, TaskRow
from marketplaces.onswift.structs.projects import Status


class DueRow(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    description: str
    status: Status
    due_date: date
    updated_at: datetime


TASKS = Many(
    TaskRow,
    f"""
    select {COLUMNS} from {OWN_TASKS}
    where t.due_date between $2 and $3 and ($4::uuid is null or t.project_id = $4) order by t.due_date, t.id""",  # noqa: S608
)
_IN_RANGE = "p.deleted_at is null and p.due_date between $2 and $3 and ($4::uuid is null or p.id = $4)"
_DUE = "p.id, p.name, p.description, p.status, p.due_date, p.updated_at"
PROJECTS = Many(
    DueRow,
    f"""
    select {_DUE} from onswift.projects p where p.creator_id = $1 and {_IN_RANGE}
    union all
    select {_DUE} from onswift.project_team m join onswift.projects p on p.id = m.project_id
    where m.user_id = $1 and m.removed_at is null and {_IN_RANGE}
    order by due_date, id""",  # noqa: S608
)
