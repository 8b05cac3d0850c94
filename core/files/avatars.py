"""Profile pictures: one for each user, whose owner it is attached to. A new one replaces the old one once it is good.

The name beside it is changed here as well: others see both as one person.
"""

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from core.base import clock, errors
from core.base.events import UserUpdated
from core.base.people import Person
from core.files.attaching import attach, detach
from core.files.kinds.purposes import ImageLimits, Purpose, kinds
from core.files.table import File
from core.files.waiting import check_now
from core.platform.db import One, Run, found
from core.work.context import Ctx
from core.work.unit_of_work import UnitOfWork

PURPOSE, FIELD = "avatar", "avatarUrl"

# Shown to everybody, small and often, so the limits are lower than those of other images.
LIMITS: Final = ImageLimits(
    min_side=32,
    max_side=8192,
    max_pixels=40_000_000,
    max_layered_pixels=40_000_000,
    max_frames=300,
    max_moving_pixels=100_000_000,
    cpu_seconds=4.0,
)

# Locks the user as sessions.LOCK_USER does.
PERSON = One(Person, "select id, name, avatar_url from users where id = $1 and deleted_at is null for no key update")
SET_PERSON = Run("update users set name = $2, avatar_url = $3, updated_at = $4 where id = $1")
# Unless she has another one by now: the id is in the address.
TAKE_AVATAR = Run("update users set avatar_url = null where id = $1 and strpos(avatar_url, $2::text) > 0")


def purpose(max_bytes: int, *types: str) -> Purpose:
    """Return the purpose of a marketplace's avatars, by the MIME types that it accepts."""
    return Purpose(PURPOSE, kinds(max_bytes, *types), may_read=None, images=LIMITS, rejected=take_off)


async def check(ctx: Ctx, url: str) -> None:
    """Check a file that the caller has uploaded for this; raises VALIDATION_ERROR, UNAVAILABLE."""
    await check_now(ctx, url, PURPOSE, FIELD)


async def change_person(
    ctx: Ctx, work: UnitOfWork, *, name: str | UnsetType = UNSET, url: str | UnsetType | None = UNSET
) -> Person:
    """Change the caller's name or avatar (None: take it off), and send `user:updated` if either differs; return both.

    An avatar has been checked before. Raises VALIDATION_ERROR, SESSION_ENDED.
    """
    before = found(await PERSON(work.db, ctx.user.id), errors.SESSION_ENDED.error())
    picture = before.avatar_url
    if url is not UNSET:
        await detach(work, before.id)
        picture = await _attach(ctx, work, url) if url else None
    person = Person(before.id, before.name if name is UNSET else name, picture)
    await SET_PERSON(
        work.db, *msgspec.structs.astuple(person), clock.now()
    )  # which also says that a profile has changed
    if person != before:
        work.emit([person.id], UserUpdated(person))
    return person


async def take_off(work: UnitOfWork, file: File, _reason: str) -> None:
    """Take an avatar that was rejected from its user: the version before puts them on before they are checked."""
    await TAKE_AVATAR(work.db, file.owner_id, str(file.id))


async def _attach(ctx: Ctx, work: UnitOfWork, url: str) -> str:
    """Attach an avatar to the caller, and return its address for the user's row."""
    id = ctx.user.id
    (view,) = await attach(ctx, work, [url], PURPOSE, id, folder=f"avatars/{id}", stem="avatar", field=FIELD)
    return view.file_url
