"""The calendar: what is due when."""

from datetime import date
from uuid import UUID

import msgspec

from marketplaces.onswift.structs.projects import Status
from marketplaces.onswift.structs.tasks import TaskView


class CalendarQuery(msgspec.Struct, frozen=True, rename="camel"):
    """From the day `from` to the day `to`, both included."""

    start: date | None = msgspec.field(default=None, name="from")
    end: date | None = msgspec.field(default=None, name="to")
    project_id: UUID | None = None


class DueProject(msgspec.Struct, frozen=True, rename="camel"):
    id: UUID
    name: str
    status: Status
    due_date: date


class CalendarDay(msgspec.Struct, frozen=True):
    date: date
    tasks: list[TaskView]
    projects: list[DueProject]


class Calendar(msgspec.Struct, frozen=True, rename="camel"):
    """The days on which something is due, in their order. `isCut`: more is due than is shown, so ask for fewer days."""

    days: list[CalendarDay]
    is_cut: bool
