"""Profile pictures: one for each user, whose owner it is attached to."""

from core import files
from core.context import Ctx
from core.db import Db
from core.files import File
from core.unit_of_work import UnitOfWork
from marketplaces.onswift.queries.files import TAKE_AVATAR


async def put_on(ctx: Ctx, work: UnitOfWork, url: str) -> str:
    """Attach an uploaded avatar to the caller instead of the one before, and return its address for the user's row.

    The caller's row is locked by then. Raises VALIDATION_ERROR.
    """
    id = ctx.user.id
    await files.detach(work, id)
    (view,) = await files.attach(
        ctx, work, [url], "avatar", id, folder=f"avatars/{id}", stem="avatar", field="avatarUrl"
    )
    return view.file_url


async def take_off(db: Db, file: File) -> None:
    """Take an avatar that was rejected from its user."""
    await TAKE_AVATAR(db, file.owner_id, str(file.id))
