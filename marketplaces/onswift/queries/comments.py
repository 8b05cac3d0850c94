"""Comments on tasks."""

from datetime import datetime
from uuid import UUID

import msgspec

from core.platform.db import Many, Run, Scalar


class Place(msgspec.Struct, frozen=True, array_like=True):
    """The position of a comment among those of its task."""

    id: UUID


class CommentRow(msgspec.Struct, frozen=True):
    id: UUID
    author_id: UUID
    author_name: str
    author_avatar: str | None
    content: str
    mentions: list[UUID]
    created_at: datetime


LIST_OF_TASK = Many(
    CommentRow,
    """
    select c.id, u.id as author_id, u.name as author_name, u.avatar_url as author_avatar, c.content, c.mentions, c.created_at
    from onswift.task_comments c join users u on u.id = c.author_id
    where c.task_id = $1 and ($4::uuid is null or c.id > $4) order by c.id limit $2 offset $3""",
)
COUNT_OF_TASK = Scalar(int, "select count(*) from onswift.task_comments where task_id = $1")
AUTHOR = Scalar(UUID, "select author_id from onswift.task_comments where task_id = $1 and id = $2")
INSERT = Run(
    """
    insert into onswift.task_comments (id, task_id, author_id, content, mentions, created_at)
    values ($1, $2, $3, $4, $5, $6)"""
)
DELETE = Run("delete from onswift.task_comments where id = $1")
