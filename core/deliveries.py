"""Notifications on their way out, by mail and to devices: each goes out once, to who wants it there and has not read it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from core import clock
from core.context import Ctx
from core.db import Many, One
from core.devices import Platform
from core.jobs import MailNotification, PushNotification
from core.unit_of_work import unit_of_work
from core.wording import shown


class Claimed(msgspec.Struct, frozen=True):
    id: UUID
    mail: bool
    devices: list[UUID]


class Mail(msgspec.Struct, frozen=True):
    """A notification and whom to mail it to."""

    market: str
    email: str
    title: str
    message: str


class Push(msgspec.Struct, frozen=True):
    """A notification and the device to send it to. `fold_key`: it replaces an earlier one of the same key there."""

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


# One that is being folded at this moment is left to that fold, which sends it out itself: waiting could deadlock.
CLAIM = Many(
    Claimed,
    """
    with wanted as (
        select n.id, n.mailed_at is null and coalesce(p.email, $2) as mail,
            n.pushed_at is null and coalesce(p.push, $3) as push
        from notifications n
        join users u on u.id = n.user_id and u.deleted_at is null
        left join notification_preferences p on p.user_id = n.user_id and p.type = n.type
        where n.id = any ($1::uuid[]) and n.read_at is null for update of n skip locked
    )
    update notifications n set mailed_at = case when w.mail then $4 else n.mailed_at end,
        pushed_at = case when w.push then $4 else n.pushed_at end
    from wanted w where n.id = w.id and (w.mail or w.push)
    returning n.id, w.mail, array(
        select d.id from devices d join sessions s on s.id = d.session_id and s.ended_at is null
        where w.push and d.user_id = n.user_id order by d.id
    ) as devices""",
)
MAIL = One(
    Mail,
    f"""
    select u.market, u.email, n.title, {shown("n", "message")} as message
    from notifications n join users u on u.id = n.user_id and u.deleted_at is null
    where n.id = $1 and not is_quiet(n.user_id, n.fold_key, n.people)""",  # noqa: S608
)
PUSH = One(
    Push,
    f"""
    select d.platform, d.token, n.id, n.type, n.title, {shown("n", "message")} as message, n.entity_type, n.entity_id,
        n.fold_key, n.created_at
    from notifications n
    join users u on u.id = n.user_id and u.deleted_at is null
    join devices d on d.user_id = n.user_id and d.id = $2
    join sessions s on s.id = d.session_id and s.ended_at is null
    where n.id = $1 and not is_quiet(n.user_id, n.fold_key, n.people)""",  # noqa: S608
)


async def send_out(ctx: Ctx, notification_ids: Sequence[UUID], *, email: bool, push: bool) -> None:
    """Have a job done for each mail and each device; nothing for what has gone out before."""
    async with unit_of_work(ctx) as work:
        for claimed in await CLAIM(work.db, list(notification_ids), email, push, clock.now()):
            if claimed.mail:
                work.enqueue(MailNotification(str(claimed.id)))
            for device_id in claimed.devices:
                work.enqueue(PushNotification(str(claimed.id), str(device_id)))
