"""Profile pictures: one for each user, whose owner it is attached to. A new one replaces the old one once it is good."""

from core.base import clock
from core.base.events import UserUpdated
from core.base.people import Person
from core.files.attaching import attach, detach
from core.files.table import File
from core.files.waiting import check_now
from core.platform.db import Run
from core.work.context import Ctx
from core.work.unit_of_work import UnitOfWork

PURPOSE, FIELD = "avatar", "avatarUrl"

SET_AVATAR = Run("update users set avatar_url = $2, updated_at = $3 where id = $1")
# Unless she has another one by now: the id is in the address.
TAKE_AVATAR = Run("update users set avatar_url = null where id = $1 and strpos(avatar_url, $2::text) > 0")


async def check(ctx: Ctx, url: str) -> None:
    """Check a file that the caller has uploaded for this; raises VALIDATION_ERROR, UNAVAILABLE."""
    await check_now(ctx, url, PURPOSE, FIELD)


async def put_on(ctx: Ctx, work: UnitOfWork, url: str) -> str:
    """Attach an avatar that has been checked to the caller instead of the one before, and return its address for the user's row.

    The caller's row is locked by then. Raises VALIDATION_ERROR.
    """
    id = ctx.user.id
    await detach(work, id)
    (view,) = await attach(ctx, work, [url], PURPOSE, id, folder=f"avatars/{id}", stem="avatar", field=FIELD)
    return view.file_url


async def show(ctx: Ctx, work: UnitOfWork, url: str) -> str:
    """Store the address of the caller's avatar, tell her devices, and return it."""
    await SET_AVATAR(work.db, ctx.user.id, url, clock.now())
    work.emit([ctx.user.id], UserUpdated(Person(ctx.user.id, ctx.user.person.name, url)))
    return url


async def take_off(work: UnitOfWork, file: File, _reason: str) -> None:
    """Take an avatar that was rejected from its user: the version before puts them on before they are checked."""
    await TAKE_AVATAR(work.db, file.owner_id, str(file.id))
