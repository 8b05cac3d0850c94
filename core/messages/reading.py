"""Read positions: one per member, which only moves forward."""

from uuid import UUID

import msgspec

from core.base import errors
from core.base.events import ConversationRead
from core.chat.conversation_updates import publish_to_readers
from core.chat.membership import require_member
from core.platform.db import Many
from core.work.context import Ctx


class ReadMark(msgspec.Struct, frozen=True):
    """The result of one requested read position. Without `last_read_seq`: not a member. `moved`: whether it changed."""

    conversation_id: UUID
    user_id: UUID
    message_id: UUID
    message_found: bool
    last_read_seq: int | None
    moved: bool


MARK_READ = Many(
    ReadMark,
    # Members are only changed under their conversation's lock, and locks are taken in id order, so there is no deadlock with
    # sends. A request that would move no position takes no lock.
    """
    with asked as (
        select a.*, m.seq
        from unnest($1::uuid[], $2::uuid[], $3::uuid[])
            with ordinality as a (conversation_id, user_id, message_id, place)
        left join messages m on m.id = a.message_id and m.conversation_id = a.conversation_id
    ),
    targets as (
        select a.conversation_id, a.user_id, max(a.seq) as seq
        from asked a join members s on s.conversation_id = a.conversation_id and s.user_id = a.user_id
        where s.left_at is null and s.last_read_seq < a.seq
        group by 1, 2
    ),
    locked as materialized (
        select id from conversations where id in (select conversation_id from targets) order by id for update
    ),
    moved as (
        update members s set last_read_seq = t.seq, last_read_at = clock_timestamp()
        from targets t join locked l on l.id = t.conversation_id
        where s.conversation_id = t.conversation_id and s.user_id = t.user_id and s.left_at is null
            and s.last_read_seq < t.seq
        returning s.conversation_id, s.user_id, s.last_read_seq
    )
    select a.conversation_id, a.user_id, a.message_id, a.seq is not null as message_found,
        case when s.user_id is not null then greatest(s.last_read_seq, a.seq, v.last_read_seq) end as last_read_seq,
        v.user_id is not null as moved
    from asked a
    left join members s on s.conversation_id = a.conversation_id and s.user_id = a.user_id and s.left_at is null
    left join moved v on v.conversation_id = a.conversation_id and v.user_id = a.user_id
    order by a.place""",
)


async def mark_read(ctx: Ctx, conversation_id: UUID, message_id: UUID) -> int:
    """Move the caller's read position forward to a message, never back; return the new position."""
    await require_member(ctx, conversation_id)
    (mark,) = await MARK_READ(ctx.db, [conversation_id], [ctx.user.id], [message_id])
    seq = position(mark)
    if mark.moved:
        ctx.publisher.signal(conversation_id, ConversationRead(conversation_id, ctx.user.id, message_id, seq))
        await publish_to_readers(ctx.resources, ctx.publisher, [conversation_id], [ctx.user.id])
    return seq


def position(mark: ReadMark) -> int:
    """Return the read position after a mark; raises MESSAGE_NOT_FOUND, NOT_A_MEMBER."""
    if not mark.message_found:
        raise errors.MESSAGE_NOT_FOUND.error()
    if mark.last_read_seq is None:
        raise errors.NOT_A_MEMBER.error()
    return mark.last_read_seq
