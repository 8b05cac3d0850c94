"""Messages of a conversation."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from core.base.answers import Answer
from core.base.errors import (
    CONVERSATION_CLOSED,
    EMPTY_MESSAGE,
    FORBIDDEN,
    IDEMPOTENCY_KEY_REUSED,
    MESSAGE_NOT_FOUND,
    MESSAGE_TOO_LONG,
    SEARCH_TOO_BROAD,
    USER_UNREACHABLE,
)
from core.base.events import Message, Reaction
from core.base.paging import AfterQuery, Limit
from core.limits import weights
from core.market.endpoints.conversations import NOT_MINE
from core.market.traits import call
from core.messages import editing, history, reactions, reading, search, sending
from core.messages.search import FoundMessage
from core.messages.sending import NewMessage
from core.text.fields import NO_NUL, STORABLE, Content, MentionIds, Short
from core.work.context import Ctx

NOT_MY_MESSAGE = (*NOT_MINE, MESSAGE_NOT_FOUND)
OPEN_MESSAGE = (*NOT_MY_MESSAGE, CONVERSATION_CLOSED, USER_UNREACHABLE)
BAD_TEXT = (EMPTY_MESSAGE, MESSAGE_TOO_LONG)


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
            pattern=STORABLE,
            extra=NO_NUL,
        ),
    ]
    conversation_id: UUID | None = None


class FoundPage(msgspec.Struct, frozen=True, rename="camel"):
    """The newest first; with `nextCursor` as `cursor` comes what follows, null: nothing does."""

    results: list[FoundMessage]
    next_cursor: str | None


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


@call(*NOT_MY_MESSAGE)
async def list_messages(ctx: Ctx, conversation_id: UUID, query: HistoryQuery) -> MessagePage:
    """Get messages of a conversation: the newest, or those before a message"""
    return MessagePage(*await history.page(ctx, conversation_id, query.before, query.limit))


@call(*NOT_MINE, SEARCH_TOO_BROAD, searches_messages=True)
async def search_messages(ctx: Ctx, query: SearchQuery) -> FoundPage:
    """Search in the messages of the user's conversations: the newest first that have all words of `q`"""
    page = await search.find(ctx, query.q, query.conversation_id, query)
    return FoundPage(page.rows, page.next_cursor)


@call(*OPEN_MESSAGE, *BAD_TEXT, IDEMPOTENCY_KEY_REUSED, statuses=(201, 200), weight=weights.MESSAGE)
async def send_message(ctx: Ctx, conversation_id: UUID, body: NewMessage) -> Answer[Message]:
    """Send a message"""
    message, is_repeat = await sending.send(ctx, conversation_id, body)
    return Answer(200 if is_repeat else 201, message)


@call(*OPEN_MESSAGE, *BAD_TEXT, FORBIDDEN, weight=weights.EDIT)
async def edit_message(ctx: Ctx, conversation_id: UUID, message_id: UUID, body: MessageText) -> Message:
    """Change the text of one's own message, and whom it mentions"""
    return await editing.edit(ctx, conversation_id, message_id, body.content, body.mentions)


@call(*NOT_MY_MESSAGE, FORBIDDEN, weight=weights.DELETE)
async def delete_message(ctx: Ctx, conversation_id: UUID, message_id: UUID) -> None:
    """Delete one's own message"""
    await editing.delete(ctx, conversation_id, message_id)


@call(*OPEN_MESSAGE, weight=weights.REACTION)
async def add_reaction(ctx: Ctx, conversation_id: UUID, message_id: UUID, emoji: Short) -> Reactions:
    """Give a message a reaction"""
    change = await reactions.react(ctx, conversation_id, message_id, emoji, added=True)
    return Reactions(change.message_id, change.version, change.reactions)


@call(*OPEN_MESSAGE, weight=weights.REACTION)
async def remove_reaction(ctx: Ctx, conversation_id: UUID, message_id: UUID, emoji: Short) -> None:
    """Take one's reaction back"""
    await reactions.react(ctx, conversation_id, message_id, emoji, added=False)


@call(*NOT_MY_MESSAGE, statuses=(204,))
async def mark_read(ctx: Ctx, conversation_id: UUID, body: ReadUpTo) -> None:
    """Mark the conversation as read up to a message"""
    await reading.mark_read(ctx, conversation_id, body.message_id)
