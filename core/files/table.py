"""The table of files: its row, and every statement on it."""

from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

import msgspec

from core.platform.db import Many, One, Run
from core.work.personal_data import PersonalData, rows_of

Status: TypeAlias = Literal["pending", "uploaded", "released", "rejected"]


class File(msgspec.Struct, frozen=True):
    """A file. `key`: current key of its object; `place`: final key; `entity_id`: what it is attached to."""

    id: UUID
    market: str
    owner_id: UUID
    purpose: str
    key: str
    place: str | None
    file_name: str
    mime_type: str
    size: int
    status: Status
    entity_id: UUID | None
    thumbnail_key: str | None
    reject_reason: str | None
    deleted_at: datetime | None


class Owned(msgspec.Struct, frozen=True):
    market: str
    owner_id: UUID


class FileId(msgspec.Struct, frozen=True):
    id: UUID


_COLUMNS = """id, market, owner_id, purpose, key, place, file_name, mime_type, size, status, entity_id, thumbnail_key,
        reject_reason, deleted_at"""

# A login that ends meanwhile waits for this, and then ends the upload as well; an ended login creates none.
INSERT = Run(
    """
    with login as (select id from sessions where id = $9 and ended_at is null for share)
    insert into files (id, market, owner_id, purpose, key, file_name, mime_type, size, session_id, created_at)
    select $1, $2, $3, $4, $5, $6, $7, $8, login.id, $10 from login"""
)
OWNED = One(Owned, "select market, owner_id from files where id = $1 and deleted_at is null")
FILE = One(File, f"select {_COLUMNS} from files where id = $1 and deleted_at is null")  # noqa: S608
# In the order of ids, so that two transactions with the same files cannot deadlock.
LOCKED = Many(
    File,
    f"""
    select {_COLUMNS} from files where id = any ($1::uuid[]) and deleted_at is null order by id for update""",  # noqa: S608
)
OF_ENTITIES = Many(
    File,
    f"""
    select {_COLUMNS} from files
    where entity_id = any ($1::uuid[]) and deleted_at is null order by entity_id, id""",  # noqa: S608
)
ATTACH = Run(
    """
    update files set entity_id = $2, place = case
        when exists (select from files f where f.place = $3) then $4 else $3 end
    where id = $1"""
)
DETACH = Run("update files set deleted_at = $2 where entity_id = $1 and deleted_at is null")
UPLOADED = Run("update files set status = 'uploaded', uploaded_at = $2 where id = $1 and status = 'pending'")
RELEASE = Run(
    """
    update files set status = 'released', released_at = $2, key = $3, size = $4, width = $5, height = $6, thumbnail_key = $7
    where id = $1 and status = 'uploaded'"""
)
# Unless it is attached to something else by now ($3).
REJECT = Run(
    """
    update files set status = 'rejected', reject_reason = $2
    where id = $1 and status = 'uploaded' and entity_id is not distinct from $3"""
)
# Unless its final key has changed meanwhile.
MOVED = Run("update files set key = $2, thumbnail_key = $3 where id = $1 and status = 'released' and place = $2")
# Unused uploads of ended sessions.
# Files not attached in time ($1), and detached ones; not while an upload in progress may still create the object ($3).
# Locked, so that it cannot be attached meanwhile.
LEFTOVER = Many(
    File,
    f"""
    select {_COLUMNS} from files
    where deleted_at is not null and (status <> 'pending' or created_at < $3) or entity_id is null and created_at < $1
    order by created_at limit $2 for update skip locked""",  # noqa: S608
)
DISCARD = Many(FileId, "delete from files where id = any ($1::uuid[]) and entity_id is null returning id")
# Files of a user that are neither renamed yet (to their id) nor emptied (without a session); both happens under the lock.
OF_OWNER = Many(
    File,
    f"""
    select {_COLUMNS} from files
    where owner_id = $1 and (place is null or place not like '%/' || id || '.%')
        and (deleted_at is null or status <> 'pending' or session_id is not null)
    order by id limit $2 for update skip locked""",  # noqa: S608
)
RENAME = Run(
    "update files set file_name = $2, key = $3, place = $4, thumbnail_key = $5, reject_reason = null where id = $1"
)
# Pending again: the user's upload link may still put something into the quarantine.
EMPTY = Run(
    """
    update files set file_name = $2, key = $3, place = null, thumbnail_key = null, reject_reason = null, entity_id = null,
        session_id = null, status = 'pending', deleted_at = coalesce(deleted_at, now())
    where id = $1"""
)
DELETE = Run("delete from files where id = any ($1::uuid[])")
UNCHECKED = Many(
    FileId, "select id from files where status = 'uploaded' and deleted_at is null and uploaded_at < $1 limit $2"
)
PERSONAL_DATA = PersonalData(
    "files",
    frozenset({"files"}),
    rows_of(
        """
        select id, purpose, file_name, mime_type, size, status, entity_id, created_at, deleted_at
        from files where owner_id = $1 order by created_at"""
    ),
    kept="The content of what she handed in with work for others, under a name that tells its type only.",
)
