"""Messages of a conversation."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from core.base.events import Message, Reaction
from core.base.paging import AfterQuery, Limit
from core.messages.search import FoundMessage
from core.text.fields import ClientId, Content, MentionIds


class HistoryQuery(msgspec.Struct, frozen=True, rename="camel"):
    before: UUID | None = None
    limit: Limit = 50


class MessagePage(msgspec.Struct, frozen=True, rename="camel"):
    """Oldest first."""

    messages: list[Message]
    has_more: bool


class SearchQuery(AfterQuery, frozen=True, kw_only=True, rename="camel"):
    """`q`: words, all of which a message has; `conversationId`: only there."""

    q: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            pattern=r"^[^\x00]*$",
            extra={"words": "Must not contain the character U+0000"},
        ),
    ]
    conversation_id: UUID | None = None


class FoundPage(msgspec.Struct, frozen=True, rename="camel"):
    """The newest first; with `nextCursor` as `cursor` comes what follows, null: nothing does."""

    results: list[FoundMessage]
    next_cursor: str | None


class NewMessage(msgspec.Struct, frozen=True, rename="camel"):
    """With a `clientId` the call is safe to repeat: the repeat is answered with the first message and 200."""

    content: Content
    client_id: ClientId | None = None
    reply_to: UUID | None = None
    mentions: MentionIds = []


class MessageText(msgspec.Struct, frozen=True):
    """`mentions`, if given, takes the place of those that the message had."""

    content: Content
    mentions: MentionIds | UnsetType = UNSET


class Reactions(msgspec.Struct, frozen=True, rename="camel"):
    """All reactions of a message after a change."""

    message_id: UUID
    version: int
    reactions: list[Reaction]


class ReadUpTo(msgspec.Struct, frozen=True, rename="camel"):
    message_id: UUID
