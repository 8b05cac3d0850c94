"""Files of an erased user: shared files keep their content and get a name that only reveals their type."""

from uuid import UUID

from core.files import table
from core.files.checking import keys_of, thumbnail_key
from core.files.kinds.purposes import purpose_named
from core.files.names import extension_of
from core.files.table import File
from core.platform.db import Connection, transaction
from core.platform.storage import Storage
from core.work.context import Ctx
from core.work.policy import Policy

NAME = "file"


async def erase_some(ctx: Ctx, user_id: UUID, most: int) -> int:
    """Erase or rename some files of a user, and return their number; raises UNAVAILABLE if the storage is away.

    Objects come before rows, under the lock of the row: if this process dies in between, the next one repeats it.
    """
    async with transaction(ctx.db) as db:
        files = await table.OF_OWNER(db, user_id, most)
        for file in files:
            if _is_shared(ctx.policy, file):
                await _rename(ctx.resources.storage, db, file)
            else:
                await _empty(ctx.resources.storage, db, file)
    return len(files)


def _is_shared(policy: Policy, file: File) -> bool:
    purpose = purpose_named(policy, file.purpose)
    is_had = file.entity_id is not None and file.deleted_at is None and file.status != "rejected"
    return is_had and purpose is not None and purpose.is_shared


async def _rename(storage: Storage, db: Connection, file: File) -> None:
    place = f"{(file.place or '').rpartition('/')[0]}/{file.id}.{extension_of(file.file_name)}"
    key, thumbnail = file.key, file.thumbnail_key
    if file.status == "released":
        key = place
        await storage.copy(file.key, place)
        if thumbnail:
            await storage.copy(thumbnail, thumbnail_key(place))
            thumbnail = thumbnail_key(place)
        await storage.delete(sorted(keys_of(file) - {place, thumbnail_key(place)}))
    await table.RENAME(db, file.id, _neutral(file), key, place, thumbnail)


async def _empty(storage: Storage, db: Connection, file: File) -> None:
    await storage.delete(sorted(keys_of(file)))
    await table.EMPTY(db, file.id, _neutral(file), f"quarantine/{file.id}")


def _neutral(file: File) -> str:
    return f"{NAME}.{extension_of(file.file_name)}"
