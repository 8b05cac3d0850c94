"""The purposes of OnSwift's files ("File Type Whitelist", "File Size Limits")."""

from uuid import UUID

from core.files import MB, File, Purpose, avatars, kinds
from core.platform.db import Db
from marketplaces.onswift.deliverables import file_rejected
from marketplaces.onswift.queries import deliverables, samples

IMAGES = ("image/jpeg", "image/png", "image/gif")
ARCHIVES = ("application/zip", "application/x-rar-compressed")


async def may_read_deliverable(db: Db, user_id: UUID, file: File) -> bool:
    """Return whether a user may see the deliverable of a file: the project's creator, or the submitter while in the team."""
    return await deliverables.IS_SEEN_BY(db, file.entity_id, user_id) or False


async def may_read_sample(db: Db, user_id: UUID, file: File) -> bool:
    """Return whether a user may see the project of a sample: its creator and its team may."""
    return await samples.IS_SEEN_BY(db, file.entity_id, user_id) or False


AVATAR = avatars.purpose(5 * MB, *IMAGES)

DELIVERABLE = Purpose(
    name="deliverable",
    kinds=(
        *kinds(50 * MB, *IMAGES, "application/pdf", *ARCHIVES),
        *kinds(100 * MB, "video/mp4", "video/quicktime"),
    ),
    may_read=may_read_deliverable,
    rejected=file_rejected,
    is_shared=True,
)
# The API document gives no sizes for samples; these are those of deliverables.
SAMPLE = Purpose(
    name="sample",
    kinds=(*kinds(50 * MB, *IMAGES, "application/pdf"), *kinds(100 * MB, "video/mp4")),
    may_read=may_read_sample,
)

PURPOSES = (AVATAR, DELIVERABLE, SAMPLE)
