"""Tasks of a project."""

from datetime import date, datetime
from typing import Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from core.base.paging import CursorPagination, CursorQuery, Limit
from core.base.people import Person
from core.text.fields import Description, Name
from marketplaces.onswift.structs.projects import Status

# "-": descending. By status: in the order in which the work goes.
Sort: TypeAlias = Literal[
    "dueDate", "-dueDate", "createdAt", "-createdAt", "name", "-name", "status", "-status"
]  # fmt: skip


class NewTask(msgspec.Struct, frozen=True, rename="camel"):
    name: Name
    assignee_id: UUID
    due_date: date
    description: Description = ""


class TaskChange(msgspec.Struct, frozen=True, rename="camel"):
    """The creator may change all of it, the assignee the status only."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    assignee_id: UUID | UnsetType = UNSET
    due_date: date | UnsetType = UNSET


class ProjectTaskQuery(CursorQuery, frozen=True, rename="camel"):
    """The document gives all tasks of a project at once: so pages are as long as they may be."""

    limit: Limit = 100
    status: Status | None = None
    assignee_id: UUID | None = None


class TaskQuery(CursorQuery, frozen=True, rename="camel"):
    status: Status | None = None
    assignee_id: UUID | None = None
    project_id: UUID | None = None
    sort: Sort = "dueDate"


class Unassigned(msgspec.Struct, frozen=True, rename="camel"):
    """A task that nobody has any more."""

    id: UUID
    name: str


class RemovedMember(msgspec.Struct, frozen=True, rename="camel"):
    """The open tasks of somebody who was taken out of a team: give them to others."""

    unassigned_tasks: list[Unassigned]


class TaskView(msgspec.Struct, frozen=True, rename="camel"):
    """A task; it has no assignee once that one is out of the team."""

    id: UUID
    project_id: UUID
    project_name: str
    name: str
    description: str
    status: Status
    assignee: Person | None
    due_date: date
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None


class TaskPage(msgspec.Struct, frozen=True):
    tasks: list[TaskView]
    pagination: CursorPagination
