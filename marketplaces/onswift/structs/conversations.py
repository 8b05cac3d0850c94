"""Conversations and their members."""

from datetime import datetime
from uuid import UUID

import msgspec

from core.base.paging import CursorPagination
from core.base.people import Person
from core.chat.conversations import LastMessage, Member


class ConversationView(msgspec.Struct, frozen=True, rename="camel"):
    """A conversation as its caller sees it; a group has no `creator` and `talent`, one of two has no title.

    `projectId`: it is that of the creator and the team of a project. `closedAt`: that is deleted; nothing is said here any more.
    """

    id: UUID
    kind: str
    title: str | None
    creator: Person | None
    talent: Person | None
    members: list[Member]
    member_count: int
    last_message: LastMessage | None
    unread_count: int
    last_message_at: datetime | None
    created_at: datetime
    project_id: UUID | None
    closed_at: datetime | None


class GroupView(ConversationView, frozen=True, rename="camel"):
    """A group after users were to join it. `added`: who is in it now; `invited`: who has been asked and may accept.

    Those whom the caller knows (they share a conversation in which they have taken part, or a project) are added, others invited.
    """

    added: list[UUID]
    invited: list[UUID]


class ConversationPage(msgspec.Struct, frozen=True):
    conversations: list[ConversationView]
    pagination: CursorPagination
