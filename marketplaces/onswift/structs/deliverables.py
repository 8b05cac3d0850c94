"""Deliverables: what talents hand in for their tasks."""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from core.base.paging import CursorPagination, CursorQuery
from core.base.people import Person
from core.files import FileView
from core.text.fields import Description, Name, Text

DeliverableStatus: TypeAlias = Literal["pending", "approved", "revision"]
FileUrls = Annotated[list[Text], Meta(min_length=1, max_length=10)]


class DeliverableQuery(CursorQuery, frozen=True, rename="camel"):
    status: DeliverableStatus | None = None
    project_id: UUID | None = None


class NewDeliverable(msgspec.Struct, frozen=True, rename="camel"):
    """Work on a task of one's own. `fileUrls`: of files that were uploaded for it; as multipart, the files themselves."""

    project_id: UUID
    task_id: UUID
    title: Name
    file_urls: FileUrls
    description: Description = ""


class Resubmission(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What is not given stays; files that are given replace all earlier ones."""

    title: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    file_urls: FileUrls | UnsetType = UNSET


class DeliverableChange(Resubmission, frozen=True, rename="camel", kw_only=True):
    """`action`: approve; request_revision, with `feedback`; resubmit, with what has changed."""

    action: Text
    feedback: Description = ""


class DeliverableView(msgspec.Struct, frozen=True, rename="camel"):
    """`version` counts the changes, and is the entity tag: give it back as `If-Match: "1"` to change only what you have seen."""

    id: UUID
    project_id: UUID
    project_name: str
    task_id: UUID
    task_name: str
    title: str
    description: str
    status: DeliverableStatus
    revision_count: int
    feedback: str | None
    submitted_by: Person
    approved_by: Person | None
    approved_at: datetime | None
    files: list[FileView]
    submitted_at: datetime
    updated_at: datetime
    version: int


class DeliverablePage(msgspec.Struct, frozen=True):
    deliverables: list[DeliverableView]
    pagination: CursorPagination
