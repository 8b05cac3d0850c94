"""Sending a message: validation, permission to send and to mention, and idempotent repeats.

Sockets and REST calls share it. They differ in the source of members (a hub has those of its rooms in memory) and in waiting: a
call waits for its own append, a hub for the next batch. Rate limits are charged before: see core/limits/weights.py.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias
from uuid import UUID

import msgspec

from core.base import errors
from core.base.events import Message
from core.base.people import Person
from core.base.publisher import Draft, as_message
from core.chat.membership import members_among, not_all_members, require_member
from core.messages import history
from core.text import texts
from core.text.fields import ClientId, Content, MentionIds
from core.text.texts import UnfitError
from core.work import idempotency
from core.work.context import Ctx, Resources
from core.work.policy import Policy

MAX_CHARACTERS = 10_000
BODY: Final = "messages.body"
Seal: TypeAlias = Callable[[Draft], str]


class NewMessage(msgspec.Struct, frozen=True, rename="camel"):
    """With a `clientId` the call is safe to repeat: the repeat is answered with the first message and 200."""

    content: Content
    client_id: ClientId | None = None
    reply_to: UUID | None = None
    mentions: MentionIds = []


def checked_content(content: str) -> str:
    """Return a text as it is stored; raises EMPTY_MESSAGE, MESSAGE_TOO_LONG, VALIDATION_ERROR (Postgres cannot store it)."""
    if len(content) > MAX_CHARACTERS:
        raise errors.MESSAGE_TOO_LONG.error()
    try:
        text = texts.prose(content)
    except UnfitError as problem:
        raise errors.invalid("content", str(problem)) from None
    if not text:
        raise errors.EMPTY_MESSAGE.error()
    return text


def draft_of(
    id: UUID,
    sender: Person,
    conversation_id: UUID,
    content: str,
    is_member: Callable[[UUID], bool],
    *,
    reply_to: UUID | None,
    mentions: Sequence[UUID],
    client_id: Callable[[], str | None],
    seal: Seal | None,
) -> Draft:
    """Return a member's message as a draft for the log, its text from `checked_content`; raises VALIDATION_ERROR.

    `client_id` is called after validation only, because a hub records the ids that it has sent. `seal`: see `sealer`.
    """
    mentioned = tuple(dict.fromkeys(mentions)) if mentions else ()
    if not all(map(is_member, mentioned)):
        raise not_all_members()
    draft = Draft(id, conversation_id, sender, content, client_id(), reply_to, mentioned)
    return msgspec.structs.replace(draft, sealed=seal(draft)) if seal else draft


def sealer(resources: Resources, policy: Policy) -> Seal | None:
    """Return what seals the messages of a marketplace; None: they are stored as they are.

    Repeats of a message, which are sealed otherwise each time, have the same tag; no other messages have.
    """
    if not policy.seals_messages:
        return None
    market, sealing = policy.name, resources.sealing

    def seal(draft: Draft) -> str:
        what = f"{draft.conversation_id} {draft.sender.id} {draft.client_id} {draft.content}"
        tag = sealing.index(market, "messages.repeat", what) if draft.client_id else ""
        return sealing.seal(market, BODY, draft.id, draft.content, tag)

    return seal


async def send(ctx: Ctx, conversation_id: UUID, new: NewMessage) -> tuple[Message, bool]:
    """Send the caller's message; return it and False, or the earlier one with the same `client_id` and True.

    Raises EMPTY_MESSAGE, MESSAGE_TOO_LONG, VALIDATION_ERROR, CONVERSATION_NOT_FOUND, NOT_A_MEMBER, IDEMPOTENCY_KEY_REUSED, and
    what the log refuses: MESSAGE_NOT_FOUND, CONVERSATION_CLOSED, USER_UNREACHABLE.
    """
    content = checked_content(new.content)
    await require_member(ctx, conversation_id)
    members = await members_among(ctx.db, conversation_id, new.mentions)
    draft = draft_of(
        ctx.new_id(),
        ctx.user.person,
        conversation_id,
        content,
        members.__contains__,
        reply_to=new.reply_to,
        mentions=new.mentions,
        client_id=lambda: new.client_id or ctx.idempotency_key or None,
        seal=sealer(ctx.resources, ctx.policy),
    )
    return await (_append_once(ctx, draft, new) if ctx.idempotency_key else _append(ctx, draft))


async def _append_once(ctx: Ctx, draft: Draft, new: NewMessage) -> tuple[Message, bool]:
    """Send a message and claim its key. No transaction is open while it waits for the log, which needs a connection too."""
    call = (b"message", draft.conversation_id.bytes, msgspec.json.encode(new))
    await idempotency.claim(ctx, call)
    try:
        return await _append(ctx, draft)
    except errors.AppError:
        await idempotency.release(ctx, call)
        raise


async def _append(ctx: Ctx, draft: Draft) -> tuple[Message, bool]:
    stored = await ctx.publisher.append(draft)
    if stored.duplicate:
        return await history.get(ctx, draft.conversation_id, stored.id), True
    return as_message(draft, stored), False
