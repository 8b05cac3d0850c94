"""Messages of a conversation."""

from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from core.events import Message, Reaction
from core.fields import ClientId, Content, MentionIds
from core.paging import Limit


class HistoryQuery(msgspec.Struct, frozen=True, rename="camel"):
    before: UUID | None = None
    limit: Limit = 50


class MessagePage(msgspec.Struct, frozen=True, rename="camel"):
    """Oldest first."""

    messages: list[Message]
    has_more: bool


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
