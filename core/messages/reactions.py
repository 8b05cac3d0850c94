"""Reactions: emojis that members add to a message or remove."""

from uuid import UUID

from core.base import emojis, errors
from core.base.events import MessageReacted
from core.chat.membership import LOCK, require_open
from core.messages import changes, history
from core.messages.changes import change_of
from core.messages.rows import UNSELECTED
from core.platform.db import transaction
from core.work.context import Ctx

MAX_REACTIONS = 50  # different emojis on one message

_REACTION = f"""where r.conversation_id = t.conversation_id and r.seq = t.seq and r.user_id = $3
            and {UNSELECTED.format("r.emoji")} = {UNSELECTED.format("$4")}"""
REACT = change_of(
    "deleted_at is null",
    f"not exists (select from reactions r {_REACTION})",
    """given as (
            insert into reactions (conversation_id, seq, emoji, user_id)
            select t.conversation_id, t.seq, $4, $3 from t cross join n
        )""",
)
UNREACT = change_of(
    "deleted_at is null",
    f"exists (select from reactions r {_REACTION})",
    f"taken as (delete from reactions r using t cross join n {_REACTION})",  # noqa: S608 - no input in it
)


async def react(ctx: Ctx, conversation_id: UUID, id: UUID, emoji: str, *, added: bool) -> MessageReacted:
    """Add or remove the caller's reaction, one emoji; a repeat changes nothing.

    Stored reactions that are not emojis (from before only emojis were accepted) can still be removed.
    """
    spelled = emojis.spelled(emoji)
    if "\0" in emoji or (added and not spelled):
        raise errors.invalid("emoji", "Must be one emoji")
    emoji = spelled or emoji
    await require_open(ctx, conversation_id)
    before = await history.get(ctx, conversation_id, id)
    if added and len(before.reactions) >= MAX_REACTIONS and emoji not in {one.emoji for one in before.reactions}:
        raise errors.invalid("emoji", f"At most {MAX_REACTIONS} different ones")
    async with transaction(ctx.db) as db:
        await LOCK(db, conversation_id)
        change = await changes.make(db, REACT if added else UNREACT, conversation_id, id, ctx.user.id, emoji)
    after = await history.get(ctx, conversation_id, id)
    event = MessageReacted(conversation_id, id, change.seq, change.version, ctx.user.id, emoji, added, after.reactions)
    if change.differs:
        ctx.publisher.changed(conversation_id, change.version, event)
    return event
