"""The result of a file check, sent to the owner."""

from uuid import UUID

from core.base.events import Event
from core.files.attaching import FileView
from core.work.notices import Notice


class FileReleased(Event, frozen=True, rename="camel"):
    """It has been checked and can be read."""

    name = "file:released"
    recipients = "the owner of the file"
    file: FileView


class FileRejected(Event, frozen=True, rename="camel"):
    """It was not what it should be, and has been deleted."""

    name = "file:rejected"
    recipients = "the owner of the file"
    file_id: UUID
    file_name: str
    reason: str


FILE_REJECTED = Notice(
    "file_rejected", "File Not Accepted", "{file} was not accepted: {reason}", "file", in_app=False, push=False
)
