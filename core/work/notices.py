"""Notices: a marketplace's kinds of notifications, as data; and storing one in the transaction that causes it."""

from collections.abc import Callable, Sequence
from uuid import UUID

import msgspec

from core.base import clock
from core.base.events import NotificationNew, NotificationView
from core.platform.db import Connection, Many
from core.text.wording import worded


class Notice(msgspec.Struct, frozen=True):
    """A kind of notification. `title` and `message` are templates as for str.format, `entity_type` says what `entity_id` is.

    A `message` may name people; their names are filled in when it is read. A `title` may not.

    `in_app`, `email` and `push`: whether users who have not chosen otherwise get it in their list, by mail, on their devices.
    """

    type: str
    title: str
    message: str
    entity_type: str | None = None
    in_app: bool = True
    email: bool = False
    push: bool = True


class Notified(msgspec.Struct, frozen=True):
    id: UUID
    user_id: UUID
    in_app: bool
    goes_out: bool


class Stored(msgspec.Struct, frozen=True):
    """The result of a notice: an event for each user who has it in their list, and the notifications to mail or push."""

    events: list[tuple[UUID, NotificationNew]]
    going_out: list[UUID]


INSERT = Many(
    Notified,
    """
    with wanted as (
        select n.id, n.user_id, coalesce(p.in_app, $9) as in_app,
            coalesce(p.email, $10) or coalesce(p.push, $11) and exists (
                select from devices d where d.user_id = n.user_id
            ) as goes_out
        from unnest($1::uuid[], $2::uuid[]) as n (id, user_id)
        join users u on u.id = n.user_id and u.deleted_at is null
        left join notification_preferences p on p.user_id = n.user_id and p.type = $3
        where not is_quiet(n.user_id, null, $13)
        for key share of u -- as the foreign key will: an account that is being erased has been by then, or waits for us
    ),
    stored as (
        insert into notifications
            (id, user_id, type, title, message, entity_type, entity_id, created_at, in_app, wording, people)
        select id, user_id, $3, $4, $5, $6, $7, $8, in_app, $12, $13 from wanted where in_app or goes_out
    )
    select id, user_id, in_app, goes_out from wanted where in_app or goes_out""",
)


async def insert(
    db: Connection,
    new_id: Callable[[], UUID],
    notice: Notice,
    user_ids: Sequence[UUID],
    entity_id: UUID | None,
    values: dict[str, object],
) -> Stored:
    """Store a notification for each of these users who has enabled a channel for it."""
    title, text = notice.title.format(**values), worded(notice.message, values)
    people = list(dict.fromkeys(user_ids))
    ids, now = [new_id() for _ in people], clock.now()
    channels = (notice.in_app, notice.email, notice.push)
    entity_type = notice.entity_type if entity_id else None
    wording = (text.pieces, text.ids) if text.people else (None, None)
    stored = (notice.type, title, text.nameless(), entity_type, entity_id, now)
    rows = await INSERT(db, ids, people, *stored, *channels, *wording)

    def event(id: UUID) -> NotificationNew:
        shown = (notice.type, title, text.text(), entity_type, entity_id)
        return NotificationNew(NotificationView(id, *shown, is_read=False, created_at=now))

    return Stored(
        [(row.user_id, event(row.id)) for row in rows if row.in_app],
        [row.id for row in rows if row.goes_out],
    )
