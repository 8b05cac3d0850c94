"""Delivers notifications by mail and to devices: each once, to users who have enabled the channel and have not read it.

Both conditions and the text are read again at each try, because a mail server may have been unreachable for a while.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from core.accounts.contacts import email_of
from core.base import clock
from core.notifications.devices import Platform
from core.notifications.said import ENTITY_ID, IS_LEFT, MESSAGE, SAID
from core.platform.db import Many, One, Run
from core.work.context import Ctx
from core.work.jobs import MailNotification, PushNotification
from core.work.unit_of_work import unit_of_work


class Claimed(msgspec.Struct, frozen=True):
    id: UUID
    mailed_at: datetime | None
    mail: bool
    devices: list[UUID]


class Mail(msgspec.Struct, frozen=True):
    """A notification and whom to mail it to."""

    market: str
    user_id: UUID
    type: str
    entity_id: UUID | None
    email: str
    title: str
    message: str
    mailed_at: datetime | None
    is_folded: bool


class Push(msgspec.Struct, frozen=True):
    """A notification and the device to send it to. `fold_key`: it replaces an earlier one of the same key there."""

    market: str
    user_id: UUID
    platform: Platform
    token: str
    id: UUID
    type: str
    title: str
    message: str
    entity_type: str | None
    entity_id: UUID | None
    fold_key: UUID | None
    created_at: datetime


_IS_NEWS = f"{IS_LEFT} and not r.is_read and not is_quiet(n.user_id, coalesce(n.fold_key, n.mention_key), n.people)"
# A notification that is being folded right now is left to that fold, which sends it itself: waiting could deadlock.
CLAIM = Many(
    Claimed,
    f"""
    with wanted as (
        select n.id, n.mailed_at is null and u.email is not null and coalesce(p.email, $2) as mail,
            n.pushed_at is null and coalesce(p.push, $3) as push
        from notifications n {SAID}
        join users u on u.id = n.user_id and u.deleted_at is null
        left join notification_preferences p on p.user_id = n.user_id and p.type = n.type
        where n.id = any ($1::uuid[]) and {_IS_NEWS} for update of n skip locked
    )
    update notifications n set mailed_at = case when w.mail then $4 else n.mailed_at end,
        pushed_at = case when w.push then $4 else n.pushed_at end
    from wanted w where n.id = w.id and (w.mail or w.push)
    returning n.id, n.mailed_at, w.mail, array(
        select d.id from devices d join sessions s on s.id = d.session_id and s.ended_at is null
        where w.push and d.user_id = n.user_id order by d.id
    ) as devices""",  # noqa: S608 - no input in it
)
# The mail claimed at $2: a later claim of the same notification has its own job.
MAIL = One(
    Mail,
    f"""
    select u.market, n.user_id, n.type, {ENTITY_ID}, {email_of("u")} as email, n.title, {MESSAGE}, n.mailed_at,
        n.fold_key is not null as is_folded
    from notifications n {SAID}
    join users u on u.id = n.user_id and u.deleted_at is null
    left join notification_preferences p on p.user_id = n.user_id and p.type = n.type
    where n.id = $1 and ($2::timestamptz is null or n.mailed_at = $2) and {_IS_NEWS} and u.email is not null
        and coalesce(p.email, true)""",  # noqa: S608
)
# Nothing was left to send: the next message is mailed again.
UNCLAIM_MAIL = Run("update notifications set mailed_at = null where id = $1 and mailed_at = $2")
PUSH = One(
    Push,
    f"""
    select u.market, n.user_id, d.platform, d.token, n.id, n.type, n.title, {MESSAGE}, n.entity_type, {ENTITY_ID}, n.fold_key,
        n.created_at
    from notifications n {SAID}
    join users u on u.id = n.user_id and u.deleted_at is null
    join devices d on d.user_id = n.user_id and d.id = $2
    join sessions e on e.id = d.session_id and e.ended_at is null
    left join notification_preferences p on p.user_id = n.user_id and p.type = n.type
    where n.id = $1 and {_IS_NEWS} and coalesce(p.push, true)""",  # noqa: S608
)


async def send_out(ctx: Ctx, notification_ids: Sequence[UUID], *, email: bool, push: bool) -> None:
    """Queue a job for each mail and each device, except those already sent."""
    async with unit_of_work(ctx) as work:
        for claimed in await CLAIM(work.db, list(notification_ids), email, push, clock.now()):
            if claimed.mail:
                work.enqueue(MailNotification(str(claimed.id), claimed.mailed_at))
            for device_id in claimed.devices:
                work.enqueue(PushNotification(str(claimed.id), str(device_id)))
