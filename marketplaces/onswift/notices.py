"""OnSwift's notifications.

The API document has eight types ("Notification"). Other types are off until a user enables them in the preferences, because
clients written after the document do not know them.
"""

from collections.abc import Mapping

from core.chat.invitations import INVITATION_RECEIVED
from core.files.events import FILE_REJECTED
from core.notifications.notifications import MESSAGE_RECEIVED
from core.platform.db import Scalar
from core.work.notices import Notice
from marketplaces.onswift.queries import deliverables, projects, tasks

PROJECT_STATUS_CHANGED = Notice(
    "project_status_changed", "Project Status Changed", "{project} is now {status}", "project"
)
TEAM_LEFT = Notice(
    "team_left", "Left Your Project", "{talent} has left {project} project", "project", in_app=False, push=False
)
TASK_ASSIGNED = Notice(
    "task_assigned", "New Task Assigned", "You've been assigned to '{task}' in {project} project", "task", email=True
)
DELIVERABLE_SUBMITTED = Notice(
    "deliverable_submitted",
    "New Deliverable",
    "{talent} submitted '{title}' in {project} project",
    "deliverable",
    email=True,
)
DELIVERABLE_APPROVED = Notice(
    "deliverable_approved",
    "Deliverable Approved",
    "'{title}' was approved in {project} project",
    "deliverable",
    email=True,
)
REVISION_REQUESTED = Notice(
    "revision_requested",
    "Revision Requested",
    "'{title}' needs a revision in {project} project",
    "deliverable",
    email=True,
)
# For the project's creator; the submitter gets FILE_REJECTED.
DELIVERABLE_FILE_REJECTED = Notice(
    "deliverable_file_rejected",
    "Deliverable File Not Accepted",
    "{file} of '{title}' in {project} project was not accepted: {reason}",
    "deliverable",
    in_app=False,
    push=False,
)
REVIEW_RECEIVED = Notice(
    "review_received", "New Review", "{creator} gave you {rating} of 5 stars", "project", email=True
)
TASK_COMMENTED = Notice(
    "task_commented",
    "New Comment",
    "{author} commented on '{task}' in {project} project",
    "task",
    in_app=False,
    push=False,
)
MENTIONED = Notice(
    "mentioned",
    "You Were Mentioned",
    "{author} mentioned you on '{task}' in {project} project",
    "task",
    in_app=False,
    push=False,
)
DEADLINE_APPROACHING = Notice(
    "deadline_approaching", "Deadline Approaching", "'{task}' in {project} project is due on {day}", "task", email=True
)

ALL = (
    MESSAGE_RECEIVED,
    INVITATION_RECEIVED,
    PROJECT_STATUS_CHANGED,
    TEAM_LEFT,
    TASK_ASSIGNED,
    TASK_COMMENTED,
    MENTIONED,
    DEADLINE_APPROACHING,
    DELIVERABLE_SUBMITTED,
    DELIVERABLE_APPROVED,
    REVISION_REQUESTED,
    DELIVERABLE_FILE_REJECTED,
    REVIEW_RECEIVED,
    FILE_REJECTED,
)

# Checked when a delayed mail is sent: the entity may be gone, or no longer concern the user. Reviews need no check.
STILL_SO: Mapping[str, Scalar[bool]] = {
    PROJECT_STATUS_CHANGED.type: projects.IS_SEEN_BY,
    TEAM_LEFT.type: projects.IS_SEEN_BY,
    TASK_ASSIGNED.type: tasks.IS_DUE_FROM,
    DEADLINE_APPROACHING.type: tasks.IS_DUE_FROM,
    TASK_COMMENTED.type: tasks.IS_SEEN_BY,
    MENTIONED.type: tasks.IS_SEEN_BY,
    DELIVERABLE_SUBMITTED.type: deliverables.IS_SEEN_BY,
    DELIVERABLE_APPROVED.type: deliverables.IS_SEEN_BY,
    REVISION_REQUESTED.type: deliverables.IS_SEEN_BY,
    DELIVERABLE_FILE_REJECTED.type: deliverables.IS_SEEN_BY,
}
