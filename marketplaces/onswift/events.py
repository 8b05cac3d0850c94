"""OnSwift's own events; those of messages and notifications are in core."""

from uuid import UUID

import msgspec

from core.base.events import ClientEvent, Event
from core.base.people import Person
from marketplaces.onswift.structs.comments import CommentView
from marketplaces.onswift.structs.deliverables import DeliverableStatus, DeliverableView
from marketplaces.onswift.structs.projects import Status
from marketplaces.onswift.structs.tasks import TaskView


class JoinProject(ClientEvent, frozen=True, rename="camel"):
    """Hear a project; its people do so anyway, so this only says that the caller is one of them."""

    name = "join:project"
    project_id: UUID


class ProjectJoined(msgspec.Struct, frozen=True, rename="camel"):
    project_id: UUID


class ProjectStatusChanged(Event, frozen=True, rename="camel"):
    """Told to the creator and the team of a project."""

    name = "project:status_changed"
    project_id: UUID
    status: Status


class TaskAssigned(Event, frozen=True, rename="camel"):
    """Told to the assignee."""

    name = "task:assigned"
    task: TaskView
    assigned_by: Person


class TaskCreated(Event, frozen=True, rename="camel"):
    """Told to the creator and the team, like all that follow."""

    name = "task:created"
    task: TaskView


class TaskUpdated(Event, frozen=True, rename="camel"):
    """Anything but the status has changed."""

    name = "task:updated"
    recipients = "the creator and the team of the project"
    task: TaskView


class TaskStatusChanged(Event, frozen=True, rename="camel"):
    name = "task:status_changed"
    recipients = "the creator and the team of the project"
    task_id: UUID
    project_id: UUID
    status: Status
    updated_by: Person


class TaskCommented(Event, frozen=True, rename="camel"):
    name = "task:commented"
    recipients = "the creator and the team of the project"
    comment: CommentView
    task_id: UUID
    project_id: UUID


class TaskCommentDeleted(Event, frozen=True, rename="camel"):
    name = "task:comment_deleted"
    recipients = "the creator and the team of the project"
    comment_id: UUID
    task_id: UUID
    project_id: UUID


class TaskDeleted(Event, frozen=True, rename="camel"):
    name = "task:deleted"
    recipients = "the creator and the team of the project"
    task_id: UUID
    project_id: UUID


class DeliverableSubmitted(Event, frozen=True, rename="camel"):
    """Told to the project's creator, also when it is submitted again."""

    name = "deliverable:submitted"
    deliverable: DeliverableView
    project_id: UUID


class DeliverableApproved(Event, frozen=True, rename="camel"):
    """Told to the submitter."""

    name = "deliverable:approved"
    deliverable_id: UUID
    approved_by: Person


class RevisionRequested(Event, frozen=True, rename="camel"):
    """Told to the submitter."""

    name = "deliverable:revision_requested"
    deliverable_id: UUID
    feedback: str
    requested_by: Person


class DeliverableFileRejected(Event, frozen=True, rename="camel"):
    """Sent to the submitter and the project's creator: a file was not accepted, so the deliverable cannot be approved.

    `status` is `pending` again where it had been approved before its files were checked.
    """

    name = "deliverable:file_rejected"
    deliverable_id: UUID
    project_id: UUID
    status: DeliverableStatus
    version: int
    file_id: UUID
    file_name: str
    reason: str
