"""Reading the log of a conversation: a page of it, and one message."""

from uuid import UUID

from core.base import errors
from core.base.events import Message
from core.chat.membership import require_member
from core.messages.rows import SHOWN, MessageRow, as_message
from core.platform.db import Db, Many, One, Scalar, found
from core.work.context import Ctx

PAGE_BEFORE = Many(MessageRow, SHOWN + " where m.conversation_id = $1 and m.seq < $2 order by m.seq desc limit $3")
BY_ID = One(MessageRow, SHOWN + " where m.conversation_id = $1 and m.id = $2")
SEQ_OF = Scalar(int, "select seq from messages where conversation_id = $1 and id = $2")


async def page(ctx: Ctx, conversation_id: UUID, before: UUID | None, limit: int) -> tuple[list[Message], bool]:
    """Return up to `limit` messages before a message (or the newest), oldest first, and whether there are older ones."""
    await require_member(ctx, conversation_id)
    return await read(ctx, conversation_id, before, limit)


async def read(ctx: Ctx, conversation_id: UUID, before: UUID | None, limit: int) -> tuple[list[Message], bool]:
    """Return the same, whoever asks: the caller of this function has decided who may."""
    if before:
        last = await _seq_of(ctx.db, conversation_id, before)
        rows = await ctx.resources.late_reads(lambda db: PAGE_BEFORE(db, conversation_id, last, limit + 1))
        if len(rows) < min(limit + 1, last - 1):  # seqs are dense: a gap means that the replica is behind
            rows = await PAGE_BEFORE(ctx.db, conversation_id, last, limit + 1)
    else:  # the page must include what the caller has just sent
        rows = await PAGE_BEFORE(ctx.db, conversation_id, 2**62, limit + 1)
    shown = ctx.resources.sealing.opened(rows[:limit], "content")
    return [as_message(row) for row in reversed(shown)], len(rows) > limit


async def get(ctx: Ctx, conversation_id: UUID, id: UUID) -> Message:
    """Return one message of a conversation that the caller is in."""
    await require_member(ctx, conversation_id)
    row = found(await BY_ID(ctx.db, conversation_id, id), errors.MESSAGE_NOT_FOUND.error())
    return as_message(*ctx.resources.sealing.opened([row], "content"))


async def _seq_of(db: Db, conversation_id: UUID, id: UUID) -> int:
    seq = await SEQ_OF(db, conversation_id, id)
    if seq is None:
        raise errors.MESSAGE_NOT_FOUND.error()
    return seq
