"""Notifications of mentions that an edit adds or removes. Called under the conversation's lock.

Users who have not read the message get it with the folded notification of the conversation, as for a new message. Users who
have read past it would not see it there, so they get a notification of the message itself.
"""

from collections.abc import Collection
from uuid import UUID

import msgspec

from core.base.events import NotificationChanged
from core.chat.conversation_updates import SMALL
from core.notifications.notifications import MESSAGE_RECEIVED, VIEWS, announcement
from core.notifications.said import HAS_READ
from core.platform.db import Db, Many
from core.text.wording import PREVIEW
from core.work.jobs import NotifyMembers, SendOut
from core.work.unit_of_work import UnitOfWork


class Place(msgspec.Struct, frozen=True):
    """A message and its position."""

    conversation_id: UUID
    id: UUID
    seq: int


class Mentioned(msgspec.Struct, frozen=True):
    user_id: UUID


class Notified(msgspec.Struct, frozen=True):
    """A newly mentioned user. `notification_id`: of the notification of the message; None: the next fold includes it."""

    user_id: UUID
    notification_id: UUID | None
    goes_out: bool


OF_MESSAGE = Many(
    Mentioned,
    """
    select t.user_id from messages m join mentions t on t.conversation_id = m.conversation_id and t.seq = m.seq
    where m.conversation_id = $1 and m.id = $2""",
)
# For message $2 with seq $3 of conversation $1 by $4: users $6, and ids for their notifications ($5). Preferences and lock
# order are those of notifications.FOLD_MESSAGES. Muted and blocked messages cause no notification.
NOTIFY = Many(
    Notified,
    """
    with added as materialized (
        select a.id, s.user_id, coalesce(w.in_app, true) as in_app,
            coalesce(w.email, false) or coalesce(w.push, true) and exists (
                select from devices d where d.user_id = s.user_id
            ) as goes_out,
            s.last_read_seq >= $3 or exists (
                select from notifications p
                where p.user_id = s.user_id and p.fold_key = $1 and p.fold_seq >= $3 and p.read_at is not null
            ) as has_read
        from unnest($5::uuid[], $6::uuid[]) as a (id, user_id)
        join members s on s.conversation_id = $1 and s.user_id = a.user_id and s.left_at is null
        join users u on u.id = s.user_id and u.deleted_at is null
        left join notification_preferences w on w.user_id = s.user_id and w.type = 'message_received'
        where s.user_id <> $4 and not is_quiet(s.user_id, $1, array[$4])
        for key share of u
    ),
    stored as (
        insert into notifications
            (id, user_id, type, title, message, entity_type, entity_id, mention_key, fold_seq, created_at, in_app)
        select a.id, a.user_id, 'message_received', 'New message', 'New message',
            'message', $2, $1, $3, clock_timestamp(), a.in_app
        from added a where a.has_read and (a.in_app or a.goes_out)
        returning id, user_id
    ),
    folded as materialized (
        select o.id, o.user_id from added a
        join notifications o on o.user_id = a.user_id and o.fold_key = $1 and o.fold_seq >= $3 and o.read_at is null
        where not a.has_read order by o.user_id for update of o
    ),
    pushed_again as (update notifications o set pushed_at = null from folded f where o.id = f.id)
    select a.user_id, coalesce(n.id, f.id) as notification_id, a.goes_out
    from added a left join stored n using (user_id) left join folded f using (user_id)
    where not a.has_read or n.id is not null""",
)
# For users $3 who are no longer mentioned by the message with seq $2 of conversation $1. A small conversation still notifies
# them of the message; a larger one notifies of mentions only: see notifications.FOLD_MESSAGES.
TAKE_BACK = Many(
    Mentioned,
    f"""
    with notified as (
        select n.id from notifications n where n.mention_key = $1 and n.fold_seq = $2 and n.user_id = any ($3::uuid[])
        union all
        select n.id from unnest($3::uuid[]) as u (id)
        join members s on s.conversation_id = $1 and s.user_id = u.id
        join notifications n on n.user_id = u.id and n.fold_key = $1 and n.fold_seq >= $2
        where (
            select count(*) from (
                select from members o where o.conversation_id = $1 and o.left_at is null limit {SMALL + 1}
            ) counted
        ) > {SMALL} and not exists (
            select from mentions t
            join messages q on q.conversation_id = t.conversation_id and q.seq = t.seq and q.deleted_at is null
            where t.conversation_id = $1 and t.user_id = u.id and t.seq > s.last_read_seq
        )
    ),
    gone as (
        select n.id from notified f
        join notifications n on n.id = f.id
        join members s on s.conversation_id = $1 and s.user_id = n.user_id and s.left_at is null
        where n.read_at is null and not {HAS_READ}
        order by n.user_id for update of n
    )
    delete from notifications n using gone g where n.id = g.id returning n.user_id""",  # noqa: S608 - no input in it
)


async def of(db: Db, conversation_id: UUID, id: UUID) -> set[UUID]:
    """Return the users that a message mentions."""
    return {row.user_id for row in await OF_MESSAGE(db, conversation_id, id)}


async def notify(work: UnitOfWork, place: Place, author_id: UUID, user_ids: Collection[UUID]) -> None:
    """Notify users whom an edited message now mentions, as of a new message."""
    if not user_ids:
        return
    ids = [work.new_id() for _ in user_ids]
    notified = await NOTIFY(work.db, place.conversation_id, place.id, place.seq, author_id, ids, list(user_ids))
    known = {row.notification_id: row.goes_out for row in notified if row.notification_id}
    views = await VIEWS(work.db, list(known))
    for view in work.ctx.resources.sealing.opened(views, "message", PREVIEW):
        work.emit([view.user_id], announcement(view))
    if going_out := [str(id) for id, goes_out in known.items() if goes_out]:
        work.enqueue(SendOut(going_out, MESSAGE_RECEIVED.email, MESSAGE_RECEIVED.push))
    if len(known) < len(notified):
        work.enqueue(NotifyMembers([str(place.conversation_id)]))


async def take_back(work: UnitOfWork, place: Place, user_ids: Collection[UUID]) -> None:
    """Remove the unread notifications of users whom a message no longer mentions."""
    if user_ids and (gone := await TAKE_BACK(work.db, place.conversation_id, place.seq, list(user_ids))):
        work.emit([row.user_id for row in gone], NotificationChanged(conversation_id=place.conversation_id))
