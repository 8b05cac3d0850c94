"""Devices with an app that shows notifications. Each belongs to the login that registered it."""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta

from core.accounts.logins import HOLD
from core.base import clock, errors
from core.platform.db import Many, One, Run, found, transaction
from core.work.context import Ctx
from core.work.personal_data import PersonalData, rows_of

# fcm: an Android app, apns: an iOS app, webpush: a browser; all three with a registration token of Firebase.
Platform: TypeAlias = Literal["fcm", "apns", "webpush"]
DeviceToken = Annotated[
    str,
    Meta(
        min_length=1, max_length=4096, pattern=r"^[\x21-\x7e]+$", extra={"words": "Must be a token of a push service"}
    ),
]
MOST = 20


class Device(msgspec.Struct, frozen=True, rename="camel"):
    """A device as its user sees it: the token stays with us."""

    id: UUID
    platform: Platform
    created_at: datetime


_LIVE = "join sessions s on s.id = d.session_id and s.ended_at is null"
OF_USER = Many(
    Device,
    f"select d.id, d.platform, d.created_at from devices d {_LIVE} where d.user_id = $1 order by d.created_at, d.id",  # noqa: S608
)
# A token registered by another user moves to the caller, who has logged in on that device. No row if it was the caller's.
REGISTER = One(
    Device,
    """
    insert into devices as d (id, user_id, session_id, platform, token, created_at) values ($1, $2, $3, $4, $5, $6)
    on conflict (platform, token) do update set
        id = case when d.user_id = excluded.user_id then d.id else excluded.id end,
        created_at = case when d.user_id = excluded.user_id then d.created_at else excluded.created_at end,
        user_id = excluded.user_id, session_id = excluded.session_id
        where (d.user_id, d.session_id) is distinct from (excluded.user_id, excluded.session_id)
    returning id, platform, created_at""",
)
# A login that ends meanwhile waits for this, and then removes the device as well.
BY_TOKEN = One(Device, "select id, platform, created_at from devices where platform = $1 and token = $2")
KEEP_NEWEST = Run(
    f"""
    delete from devices where user_id = $1 and id not in (
        select id from devices where user_id = $1 order by created_at desc, id desc limit {MOST}
    )"""  # noqa: S608
)
REMOVE = Run("delete from devices where id = $1 and user_id = $2")
FORGET = Run("delete from devices where id = $1")
PERSONAL_DATA = PersonalData(
    "devices",
    frozenset({"devices"}),
    rows_of("select id, platform, token, created_at from devices where user_id = $1 order by created_at"),
    (Run("delete from devices where user_id = $1"),),
)


async def register(ctx: Ctx, platform: Platform, token: str) -> Device:
    """Register the device of the caller's session; above 20, the oldest are deleted.

    Raises SESSION_ENDED.
    """
    async with transaction(ctx.db) as db:
        if await HOLD(db, ctx.user.session_id) is None:
            raise errors.SESSION_ENDED.error()
        row = (ctx.new_id(), ctx.user.id, ctx.user.session_id, platform, token, clock.now())
        device = await REGISTER(db, *row) or await BY_TOKEN(db, platform, token)
        await KEEP_NEWEST(db, ctx.user.id)
    return found(device, errors.INTERNAL_ERROR.error())


async def of_user(ctx: Ctx) -> list[Device]:
    """Return the caller's devices, oldest first, without those of ended sessions."""
    return await OF_USER(ctx.db, ctx.user.id)


async def remove(ctx: Ctx, id: UUID) -> None:
    """Delete a device of the caller; raises DEVICE_NOT_FOUND."""
    if not await REMOVE(ctx.db, id, ctx.user.id):
        raise errors.DEVICE_NOT_FOUND.error()
