"""Profile pictures: one for each user, whose owner it is attached to. A new one replaces the old one once it is good."""

from core import files
from core.files import File
from core.work.context import Ctx
from core.work.unit_of_work import UnitOfWork
from marketplaces.onswift.queries.files import TAKE_AVATAR

FIELD = "avatarUrl"


async def put_on(ctx: Ctx, work: UnitOfWork, url: str) -> str:
    """Attach an avatar that has been checked to the caller instead of the one before, and return its address for the user's row.

    The caller's row is locked by then. Raises VALIDATION_ERROR.
    """
    id = ctx.user.id
    await files.detach(work, id)
    (view,) = await files.attach(ctx, work, [url], "avatar", id, folder=f"avatars/{id}", stem="avatar", field=FIELD)
    return view.file_url


async def take_off(work: UnitOfWork, file: File, _reason: str) -> None:
    """Take an avatar that was rejected from its user: the version before puts them on before they are checked."""
    await TAKE_AVATAR(work.db, file.owner_id, str(file.id))
