"""Notifications: a user's own list, and one folded notification of new messages per member and conversation."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from core.base import clock, errors
from core.base.events import NotificationChanged, NotificationNew, NotificationView
from core.base.ids import FIRST_UUID7
from core.base.paging import CursorPagination, CursorQuery, Position, cursor_pagination, page_of
from core.base.publisher import Publisher
from core.chat.conversation_updates import SMALL, publish_to
from core.notifications.said import ENTITY_ID, IS_LEFT, MESSAGE, MOST_DELETED, SAID
from core.platform.db import Many, One, Pool, Run, Scalar, found
from core.text.wording import PREVIEW
from core.work.context import Ctx, Resources
from core.work.notices import Notice
from core.work.personal_data import PersonalData, rows_of

CHUNK = 50
MESSAGE_RECEIVED = Notice("message_received", "New message", "{sender}: {preview}", "message")


class Page(msgspec.Struct, frozen=True):
    """A page of notifications, the user's number of unread ones, and the position of the page."""

    notifications: list[NotificationView]
    unread: int
    pagination: CursorPagination


class Counts(msgspec.Struct, frozen=True):
    total: int
    unread: int


class Folded(msgspec.Struct, frozen=True):
    """A member's notification that is new or updated."""

    id: UUID
    user_id: UUID
    conversation_id: UUID
    goes_out: bool


class View(NotificationView, frozen=True, rename="camel"):
    """A notification and its user."""

    user_id: UUID
    market: str


class Written(msgspec.Struct, frozen=True):
    conversation_id: UUID


_COLUMNS = f"n.id, n.type, n.title, {MESSAGE}, n.entity_type, {ENTITY_ID}, r.is_read, n.created_at"
LIST_OF_USER = Many(
    NotificationView,
    f"""
    select {_COLUMNS} from notifications n {SAID}
    where n.user_id = $1 and n.in_app and {IS_LEFT} and ($2::bool is null or r.is_read = $2)
        and (n.created_at, n.id) < ($5, $6)
    order by n.created_at desc, n.id desc limit $3 offset $4""",  # noqa: S608 - no input in it
)
COUNTS_OF_USER = One(
    Counts,
    f"""
    select count(*) filter (where $2::bool is null or r.is_read = $2) as total,
        count(*) filter (where not r.is_read) as unread
    from notifications n {SAID} where n.user_id = $1 and n.in_app and {IS_LEFT}""",  # noqa: S608 - no input in it
)
VIEWS = Many(
    View,
    f"""
    select {_COLUMNS}, n.user_id, (select u.market from users u where u.id = n.user_id) as market
    from notifications n {SAID}
    where n.id = any ($1::uuid[]) and n.in_app and {IS_LEFT} and not r.is_read""",  # noqa: S608 - no input in it
)
MARK_READ = Scalar(
    UUID,
    """
    with marked as (update notifications set read_at = $3 where id = $1 and user_id = $2 and read_at is null)
    select id from notifications where id = $1 and user_id = $2""",
)
# A notification that is being folded right now is skipped: it has new content, and waiting could deadlock.
MARK_ALL_READ = Run(
    """
    update notifications set read_at = $2 where id in (
        select id from notifications where user_id = $1 and read_at is null for update skip locked
    )"""
)
# - Unread are messages after the read position, except deleted ones and the member's own.
# - In conversations of more than 100, only members mentioned in one of the last 1000 messages are notified.
# - The id is a UUIDv7 (48 bits of milliseconds, version 7) as in Python, or the market's bigint. The lateral join refers to the
#   member so that Postgres evaluates it per row.
# - No lock: concurrent folds insert in the same order, and the later state wins.
# - A row is stored even if in-app is off, because it drives `conversation:updated`. For the defaults see MESSAGE_RECEIVED.
# - After a mail, the next one is sent only once the member has read the messages that the mail was about.
# - The text is no column: see said.py.
# - A muted message causes no push, and marks the row as pushed so that earlier messages are not pushed again.
FOLD_MESSAGES = Many(
    Folded,
    f"""
    with last as (
        select c.id as conversation_id, c.last_seq,
            (
                select count(*) from (
                    select from members n where n.conversation_id = c.id and n.left_at is null limit {SMALL + 1}
                ) counted
            ) <= {SMALL} as small
        from conversations c where c.id = any ($1::uuid[])
    ),
    behind as (
        select l.conversation_id, l.last_seq, s.user_id, s.last_read_seq
        from last l join members s on s.conversation_id = l.conversation_id
        where l.small and s.left_at is null and s.last_read_seq < l.last_seq
        union
        select l.conversation_id, l.last_seq, s.user_id, s.last_read_seq
        from last l
        join mentions t on t.conversation_id = l.conversation_id and t.seq > l.last_seq - 1000
        join messages q on q.conversation_id = t.conversation_id and q.seq = t.seq and q.deleted_at is null
        join members s on s.conversation_id = t.conversation_id and s.user_id = t.user_id
        where not l.small and s.left_at is null and s.last_read_seq < t.seq
    ),
    unread as materialized (
        select b.conversation_id, b.user_id, f.id as message_id, f.seq,
            is_quiet(b.user_id, b.conversation_id, array[f.sender_id]) as is_quiet
        from behind b
        cross join lateral (
            select m.id, m.seq, m.sender_id from messages m
            where m.conversation_id = b.conversation_id and m.seq > greatest(b.last_read_seq, b.last_seq - {MOST_DELETED})
                and m.deleted_at is null and m.sender_id <> b.user_id
            order by m.seq desc limit 1
        ) f
    ),
    folded as (
        insert into notifications as o
            (id, user_id, type, title, message, entity_type, entity_id, fold_key, fold_seq, created_at, in_app, pushed_at)
        select
            coalesce(
                next_bigint_id(u.market),
                encode(set_byte(overlay(b.random placing n.milliseconds from 1), 6, get_byte(b.random, 6) & 15 | 112), 'hex')
                    ::uuid
            ),
            r.user_id, 'message_received', 'New message', 'New message',
            'message', r.message_id, r.conversation_id, r.seq, $2, coalesce(w.in_app, true), case when r.is_quiet then $2 end
        from unread r
        cross join (
            select substring(int8send((extract(epoch from $2::timestamptz) * 1000)::bigint) from 3) as milliseconds
        ) n
        join users u on u.id = r.user_id and u.deleted_at is null
        left join notification_preferences w on w.user_id = r.user_id and w.type = 'message_received'
        cross join lateral (select uuid_send(gen_random_uuid()) as random, r.user_id) b
        where not exists (
            select from notifications p
            where p.user_id = r.user_id and p.fold_key = r.conversation_id and p.fold_seq >= r.seq
        )
        order by r.conversation_id, r.user_id
        for key share of u -- as the foreign key does: see notices.INSERT
        on conflict (user_id, type, fold_key) where read_at is null and fold_key is not null
        do update set message = excluded.message, wording = null, people = null,
            entity_id = excluded.entity_id, fold_seq = excluded.fold_seq, created_at = excluded.created_at,
            in_app = excluded.in_app, pushed_at = case when excluded.pushed_at is not null then o.pushed_at end,
            mailed_at = case when not exists (
                select from members s
                where s.conversation_id = o.fold_key and s.user_id = o.user_id and s.last_read_seq >= o.fold_seq
            ) then o.mailed_at end
            where o.fold_seq < excluded.fold_seq
        returning o.id, o.user_id, o.fold_key as conversation_id
    )
    select f.id, f.user_id, f.conversation_id,
        not r.is_quiet and (coalesce(w.email, false) or coalesce(w.push, true) and exists (
            select from devices d where d.user_id = f.user_id
        )) as goes_out
    from folded f join unread r using (conversation_id, user_id)
    left join notification_preferences w on w.user_id = f.user_id and w.type = 'message_received'""",  # noqa: S608 - no input in it
)
# Ids are UUIDv7, so `id >= $1` (the first id of time $2) finds messages since $2. Ids made from bigints hold no time.
WRITTEN_SINCE = Many(
    Written,
    f"""
    select conversation_id from messages where id >= $1
    union
    select conversation_id from messages where id < '{FIRST_UUID7}' and created_at >= $2""",  # noqa: S608 - no input in it
)
PERSONAL_DATA = PersonalData(
    "notifications",
    frozenset({"notifications"}),
    rows_of(
        f"""
        select n.id, n.type, n.title, {MESSAGE}, n.entity_type, {ENTITY_ID}, n.created_at, n.read_at
        from notifications n {SAID} where n.user_id = $1 order by n.created_at"""  # noqa: S608 - no input in it
    ),
    later=(
        Run(
            """
            delete from notifications where id in (
                select id from notifications where user_id = $1 order by id limit $2 for update skip locked
            )"""
        ),
        # Notifications of others, stored by the previous version, may contain the user's name.
        Run(
            """
            update notifications set message = 'New message' where id in (
                select n.id from members c join members o on o.conversation_id = c.conversation_id
                join notifications n on n.user_id = o.user_id and n.fold_key = c.conversation_id
                where c.user_id = $1 and n.wording is null and n.message <> 'New message'
                order by n.id limit $2 for update of n skip locked
            )"""
        ),
    ),
    kept="Those of other people, in which she has no name any more: names are filled in when they are read.",
)


async def list_of_user(ctx: Ctx, is_read: bool | None, query: CursorQuery) -> Page:
    """Return one page of the caller's notifications, latest first."""
    rows = await LIST_OF_USER(ctx.db, ctx.user.id, is_read, *query.bounds)
    page = page_of(query, rows, lambda row: Position(row.created_at, row.id))
    counts = found(await COUNTS_OF_USER(ctx.db, ctx.user.id, is_read), errors.INTERNAL_ERROR.error())
    views = ctx.resources.sealing.opened(page.rows, "message", PREVIEW)
    return Page(views, counts.unread, cursor_pagination(query, counts.total, page.next_cursor))


async def mark_read(ctx: Ctx, id: UUID) -> None:
    """Mark one as read; raises NOTIFICATION_NOT_FOUND."""
    if not await MARK_READ(ctx.db, id, ctx.user.id, clock.now()):
        raise errors.NOTIFICATION_NOT_FOUND.error()
    ctx.publisher.emit([ctx.user.id], NotificationChanged(notification_id=id))


async def mark_all_read(ctx: Ctx) -> None:
    """Mark all of the caller's as read."""
    await MARK_ALL_READ(ctx.db, ctx.user.id, clock.now())
    ctx.publisher.emit([ctx.user.id], NotificationChanged())


async def notify_members(resources: Resources, publisher: Publisher, conversation_ids: Sequence[UUID]) -> list[UUID]:
    """Notify members of these conversations who have not read on, once per state: repeating it has no effect.

    Returns the notifications to be sent by mail or to devices.
    """
    going_out: list[UUID] = []
    for start in range(0, len(conversation_ids), CHUNK):
        chunk = list(conversation_ids[start : start + CHUNK])
        if folded := await FOLD_MESSAGES(resources.db, chunk, clock.now()):
            views = await VIEWS(resources.db, [row.id for row in folded])
            for view in resources.sealing.opened(views, "message", PREVIEW):
                publisher.of(view.market).emit([view.user_id], announcement(view))
            await publish_to(
                resources, publisher, [row.conversation_id for row in folded], [row.user_id for row in folded]
            )
            going_out += [row.id for row in folded if row.goes_out]
    return going_out


async def written_since(db: Pool, moment: datetime) -> list[UUID]:
    """Return the conversations with messages since a time."""
    first_id = UUID(int=int(moment.timestamp() * 1000) << 80)
    return [row.conversation_id for row in await WRITTEN_SINCE(db, first_id, moment)]


def announcement(view: View) -> NotificationNew:
    """Return the event of a notification."""
    return NotificationNew(msgspec.convert(view, NotificationView, from_attributes=True))
