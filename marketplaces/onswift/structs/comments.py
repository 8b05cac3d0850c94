"""What people of a project say about its tasks."""

from datetime import datetime
from uuid import UUID

import msgspec

from core.base.paging import CursorPagination
from core.base.people import Person
from core.text.fields import MentionIds, Prose


class NewComment(msgspec.Struct, frozen=True, rename="camel"):
    """`mentions`: ids of people of the project, who are notified."""

    content: Prose
    mentions: MentionIds = []


class CommentView(msgspec.Struct, frozen=True, rename="camel"):
    id: UUID
    project_id: UUID
    task_id: UUID
    author: Person
    content: str
    mentions: list[UUID]
    created_at: datetime


class CommentPage(msgspec.Struct, frozen=True):
    comments: list[CommentView]
    pagination: CursorPagination
