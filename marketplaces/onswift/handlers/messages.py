"""Messages of a conversation."""

from uuid import UUID

import msgspec

from core.base import errors
from core.base.answers import Answer
from core.base.events import Message
from core.base.publisher import Draft, as_message
from core.chat import conversations
from core.messages import messages
from core.messages import search as message_search
from core.text.fields import Short
from core.work import idempotency
from core.work.context import Ctx
from marketplaces.onswift.structs.messages import (
    FoundPage,
    HistoryQuery,
    MessagePage,
    MessageText,
    NewMessage,
    Reactions,
    ReadUpTo,
    SearchQuery,
)


async def list_messages(ctx: Ctx, conversation_id: UUID, query: HistoryQuery) -> MessagePage:
    """Get messages of a conversation: the newest, or those before a message"""
    return MessagePage(*await messages.history(ctx, conversation_id, query.before, query.limit))


async def search_messages(ctx: Ctx, query: SearchQuery) -> FoundPage:
    """Search in the messages of the user's conversations: the newest first that have all words of `q`"""
    page = await message_search.find(ctx, query.q, query.conversation_id, query)
    return FoundPage(page.rows, page.next_cursor)


async def send_message(ctx: Ctx, conversation_id: UUID, body: NewMessage) -> Answer[Message]:
    """Send a message"""
    content = messages.checked_content(body.content)
    await conversations.require_member(ctx, conversation_id)
    await conversations.require_members(ctx, conversation_id, body.mentions)
    if ctx.idempotency_key:
        return await _send_once(ctx, conversation_id, body, content)
    return await _send(ctx, conversation_id, body, content)


async def _send_once(ctx: Ctx, conversation_id: UUID, body: NewMessage, content: str) -> Answer[Message]:
    """Send a message whose key was not used for anything else. No transaction waits for the log, which needs a connection too."""
    call = (b"message", conversation_id.bytes, msgspec.json.encode(body))
    await idempotency.claim(ctx, call)
    try:
        return await _send(ctx, conversation_id, body, content)
    except errors.AppError:
        await idempotency.release(ctx, call)
        raise


async def _send(ctx: Ctx, conversation_id: UUID, body: NewMessage, content: str) -> Answer[Message]:
    draft = Draft(
        id=ctx.new_id(),
        conversation_id=conversation_id,
        sender=ctx.user.person,
        content=content,
        client_id=body.client_id or ctx.idempotency_key or None,
        reply_to=body.reply_to,
        mentions=tuple(dict.fromkeys(body.mentions)),
    )
    stored = await ctx.publisher.append(draft)
    if stored.duplicate:
        return Answer(200, await messages.get(ctx, conversation_id, stored.id))
    return Answer(201, as_message(draft, stored))


async def edit_message(ctx: Ctx, conversation_id: UUID, message_id: UUID, body: MessageText) -> Message:
    """Change the text of one's own message, and whom it mentions"""
    return await messages.edit(ctx, conversation_id, message_id, body.content, body.mentions)


async def delete_message(ctx: Ctx, conversation_id: UUID, message_id: UUID) -> None:
    """Delete one's own message"""
    await messages.delete(ctx, conversation_id, message_id)


async def add_reaction(ctx: Ctx, conversation_id: UUID, message_id: UUID, emoji: Short) -> Reactions:
    """Give a message a reaction"""
    change = await messages.react(ctx, conversation_id, message_id, emoji, added=True)
    return Reactions(change.message_id, change.version, change.reactions)


async def remove_reaction(ctx: Ctx, conversation_id: UUID, message_id: UUID, emoji: Short) -> None:
    """Take one's reaction back"""
    await messages.react(ctx, conversation_id, message_id, emoji, added=False)


async def mark_read(ctx: Ctx, conversation_id: UUID, body: ReadUpTo) -> None:
    """Mark the conversation as read up to a message"""
    await messages.mark_read(ctx, conversation_id, body.message_id)
