"""Notifications: a user's own list, and telling members of new messages in one folded notification per conversation."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from core import clock, errors
from core.context import Ctx
from core.db import Many, One, Pool, Run, Scalar, found
from core.events import ConversationUpdated, NotificationNew, NotificationView
from core.notices import Notice
from core.people import Person
from core.publisher import Publisher
from core.wording import SOMEONE, shown

CHUNK = 50
MESSAGE_RECEIVED = Notice("message_received", "New message", "{sender}: {preview}", "message")


class Page(msgspec.Struct, frozen=True):
    """Some notifications, how many there are in all, and how many of the user's are unread."""

    notifications: list[NotificationView]
    total: int
    unread: int


class Counts(msgspec.Struct, frozen=True):
    total: int
    unread: int


class Told(msgspec.Struct, frozen=True):
    """A member's notification that is new or has changed, and what the list of conversations shows of it."""

    id: UUID
    user_id: UUID
    conversation_id: UUID
    title: str
    message: str
    created_at: datetime
    message_id: UUID
    last_seq: int
    unread_count: int
    last_message_at: datetime
    preview: str
    sender_id: UUID
    sender_name: str
    sender_avatar_url: str | None
    in_app: bool
    goes_out: bool


class Written(msgspec.Struct, frozen=True):
    conversation_id: UUID


# What is folded is read, too, once its conversation is: so reading a conversation writes no notification.
_IS_READ = """n.read_at is not null or exists (
            select from members m
            where m.conversation_id = n.fold_key and m.user_id = n.user_id and m.last_read_seq >= n.fold_seq
        ) as is_read"""
LIST_OF_USER = Many(
    NotificationView,
    f"""
    select n.id, n.type, n.title, {shown("n", "message")} as message, n.entity_type, n.entity_id, r.is_read, n.created_at
    from notifications n cross join lateral (select {_IS_READ}) r
    where n.user_id = $1 and n.in_app and ($2::bool is null or r.is_read = $2)
    order by n.created_at desc, n.id desc limit $3 offset $4""",  # noqa: S608 - no input in it
)
COUNTS_OF_USER = One(
    Counts,
    f"""
    select count(*) filter (where $2::bool is null or r.is_read = $2) as total,
        count(*) filter (where not r.is_read) as unread
    from notifications n cross join lateral (select {_IS_READ}) r where n.user_id = $1 and n.in_app""",  # noqa: S608 - no input in it
)
MARK_READ = Scalar(
    UUID,
    """
    with marked as (update notifications set read_at = $3 where id = $1 and user_id = $2 and read_at is null)
    select id from notifications where id = $1 and user_id = $2""",
)
# A notification that is being folded at this moment is not waited for: it says something new, and waiting could deadlock.
MARK_ALL_READ = Run(
    """
    update notifications set read_at = $2 where id in (
        select id from notifications where user_id = $1 and read_at is null for update skip locked
    )"""
)
# In conversations of more than 100 only those are told whom one of the last 1000 messages mentions; earlier ones they were
# told of when those were new. The id is a UUIDv7 (48 bits of milliseconds, version 7) like those made in Python; naming
# the member beside it makes one for each. No lock: two folds at once insert in the same order, and the later state wins.
# Who wants none in her list has one all the same, that her list of conversations is told by; defaults: MESSAGE_RECEIVED.
FOLD_MESSAGES = Many(
    Told,
    f"""
    with last as (
        select c.id as conversation_id, c.last_seq, m.id as message_id, m.created_at as last_message_at,
            case when m.deleted_at is null then left({shown("m", "body")}, 140) else 'Message deleted' end as preview,
            m.kind = 'system' as is_note, m.body, m.wording, m.people,
            u.id as sender_id, u.name as sender_name, u.avatar_url as sender_avatar_url,
            (
                select count(*) from (
                    select from members n where n.conversation_id = c.id and n.left_at is null limit 101
                ) counted
            ) <= 100 as small,
            substring(int8send((extract(epoch from $2::timestamptz) * 1000)::bigint) from 3) as milliseconds
        from conversations c
        join messages m on m.conversation_id = c.id and m.seq = c.last_seq
        join users u on u.id = m.sender_id
        where c.id = any ($1::uuid[])
    ),
    newest as (
        select l.conversation_id, l.last_seq, l.message_id, l.last_message_at, l.preview, l.small, l.milliseconds,
            l.sender_id, l.sender_name, l.sender_avatar_url,
            case when l.is_note then l.preview else l.sender_name || ': ' || l.preview end as message,
            case when l.is_note then left(l.body, 140) else '{SOMEONE}: ' || l.preview end as nameless,
            case when l.is_note then l.wording else array['', ': ' || l.preview] end as wording,
            case when l.is_note then l.people else array[l.sender_id] end as people
        from last l
    ),
    waiting as (
        select n.conversation_id, s.user_id, n.last_seq - s.last_read_seq as unread_count
        from newest n join members s on s.conversation_id = n.conversation_id
        where n.small and s.left_at is null and s.last_read_seq < n.last_seq
        union
        select n.conversation_id, s.user_id, n.last_seq - s.last_read_seq
        from newest n
        join mentions t on t.conversation_id = n.conversation_id and t.seq > n.last_seq - 1000
        join members s on s.conversation_id = t.conversation_id and s.user_id = t.user_id
        where not n.small and s.left_at is null and s.last_read_seq < t.seq
    ),
    unread as materialized (
        select w.*, is_quiet(w.user_id, w.conversation_id, array[n.sender_id]) as is_quiet
        from waiting w join newest n using (conversation_id)
    ),
    folded as (
        insert into notifications as o
            (id, user_id, type, title, message, entity_type, entity_id, fold_key, fold_seq, created_at, in_app, wording,
            people)
        select
            encode(
                set_byte(
                    overlay(b.random placing n.milliseconds from 1),
                    6, get_byte(b.random, 6) & 15 | 112
                ),
                'hex'
            )::uuid,
            r.user_id, 'message_received', 'New message', n.nameless,
            'message', n.message_id, n.conversation_id, n.last_seq, $2, coalesce(w.in_app, true) and not r.is_quiet,
            n.wording, n.people
        from unread r join newest n using (conversation_id)
        join users u on u.id = r.user_id and u.deleted_at is null
        left join notification_preferences w on w.user_id = r.user_id and w.type = 'message_received'
        cross join lateral (select uuid_send(gen_random_uuid()) as random, r.user_id) b
        where not exists (
            select from notifications p
            where p.user_id = r.user_id and p.fold_key = n.conversation_id and p.fold_seq >= n.last_seq
        )
        order by r.conversation_id, r.user_id
        for key share of u -- as the foreign key does: see notices.INSERT
        on conflict (user_id, type, fold_key) where read_at is null and fold_key is not null
        do update set message = excluded.message, wording = excluded.wording, people = excluded.people,
            entity_id = excluded.entity_id, fold_seq = excluded.fold_seq, created_at = excluded.created_at,
            in_app = excluded.in_app, pushed_at = null
            where o.fold_seq < excluded.fold_seq
        returning o.id, o.user_id, o.fold_key as conversation_id, o.title, o.created_at, o.in_app
    )
    select f.id, f.user_id, conversation_id, f.title, n.message, f.created_at, n.message_id, n.last_seq, r.unread_count,
        n.last_message_at, n.preview, n.sender_id, n.sender_name, n.sender_avatar_url, f.in_app,
        not r.is_quiet and (coalesce(w.email, false) or coalesce(w.push, true) and exists (
            select from devices d where d.user_id = f.user_id
        )) as goes_out
    from folded f join newest n using (conversation_id) join unread r using (conversation_id, user_id)
    left join notification_preferences w on w.user_id = f.user_id and w.type = 'message_received'""",  # noqa: S608 - no input in it
)
# Ids are UUIDv7: from the first of a moment on is since that moment.
WRITTEN_SINCE = Many(Written, "select distinct conversation_id from messages where id >= $1")


async def list_of_user(ctx: Ctx, is_read: bool | None, limit: int, offset: int) -> Page:
    """Return one page of the caller's notifications, the latest first."""
    notifications = await LIST_OF_USER(ctx.db, ctx.user.id, is_read, limit, offset)
    counts = found(await COUNTS_OF_USER(ctx.db, ctx.user.id, is_read), errors.INTERNAL_ERROR.error())
    return Page(notifications, counts.total, counts.unread)


async def mark_read(ctx: Ctx, id: UUID) -> None:
    """Mark one as read; raises NOTIFICATION_NOT_FOUND."""
    if not await MARK_READ(ctx.db, id, ctx.user.id, clock.now()):
        raise errors.NOTIFICATION_NOT_FOUND.error()


async def mark_all_read(ctx: Ctx) -> None:
    """Mark all of the caller's as read."""
    await MARK_ALL_READ(ctx.db, ctx.user.id, clock.now())


async def notify_members(db: Pool, publisher: Publisher, conversation_ids: Sequence[UUID]) -> list[UUID]:
    """Notify the members of these conversations who have not read on, once for each state: repeats tell nothing.

    Returns the notifications that also go out, by mail or to devices.
    """
    going_out: list[UUID] = []
    for start in range(0, len(conversation_ids), CHUNK):
        chunk = list(conversation_ids[start : start + CHUNK])
        for row in await FOLD_MESSAGES(db, chunk, clock.now()):
            if row.in_app:
                publisher.emit([row.user_id], _notification(row))
            publisher.emit([row.user_id], _update(row))
            if row.goes_out:
                going_out.append(row.id)
    return going_out


async def written_since(db: Pool, moment: datetime) -> list[UUID]:
    """Return the conversations in which something was written since a moment."""
    first_id = UUID(int=int(moment.timestamp() * 1000) << 80)
    return [row.conversation_id for row in await WRITTEN_SINCE(db, first_id)]


def _notification(row: Told) -> NotificationNew:
    view = NotificationView(
        id=row.id,
        type=MESSAGE_RECEIVED.type,
        title=row.title,
        message=row.message,
        entity_type="message",
        entity_id=row.message_id,
        is_read=False,
        created_at=row.created_at,
    )
    return NotificationNew(view)


def _update(row: Told) -> ConversationUpdated:
    return ConversationUpdated(
        conversation_id=row.conversation_id,
        unread_count=row.unread_count,
        last_seq=row.last_seq,
        last_message_id=row.message_id,
        last_message_at=row.last_message_at,
        preview=row.preview,
        sender=Person(row.sender_id, row.sender_name, row.sender_avatar_url),
    )
