"""Projects and their teams."""

from datetime import date, datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from core.base import clock
from core.base.paging import CursorPagination, CursorQuery
from core.text.fields import Name, Prose
from core.text.texts import UnfitError

NOT_FUTURE = "Must be in the future"
Status: TypeAlias = Literal["planning", "in-progress", "completed"]


class ProjectQuery(CursorQuery, frozen=True, rename="camel"):
    status: Status | None = None


def _check_future(day: date) -> None:
    if day <= clock.today():
        raise UnfitError(NOT_FUTURE)


FutureDay = Annotated[date, Meta(extra={"check": _check_future})]


class NewProject(msgspec.Struct, frozen=True, rename="camel"):
    name: Name
    description: Prose
    due_date: FutureDay


class ProjectChange(msgspec.Struct, frozen=True, rename="camel"):
    name: Name | UnsetType = UNSET
    description: Prose | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    due_date: date | UnsetType = UNSET


class TeamMember(msgspec.Struct, frozen=True, rename="camel"):
    id: UUID
    name: str
    avatar_url: str | None
    role: str | None
    joined_at: datetime


class ProjectView(msgspec.Struct, frozen=True, rename="camel"):
    id: UUID
    creator_id: UUID
    name: str
    description: str
    status: Status
    due_date: date
    task_count: int
    completed_task_count: int
    team_members: list[TeamMember]
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None


class ProjectPage(msgspec.Struct, frozen=True):
    projects: list[ProjectView]
    pagination: CursorPagination


class NewTeamMember(msgspec.Struct, frozen=True, rename="camel"):
    """Someone of the type talent; `role` is what he does in the project, say "Video Editor"."""

    user_id: UUID
    role: Name | None = None


class Membership(msgspec.Struct, frozen=True, rename="camel"):
    id: UUID
    project_id: UUID
    user_id: UUID
    role: str | None
    joined_at: datetime
