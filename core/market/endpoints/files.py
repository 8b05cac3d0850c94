"""Files: uploads by signed links, downloads, profile pictures."""

from uuid import UUID

import msgspec

from core.base.errors import (
    FILE_NOT_FOUND,
    FILE_NOT_READY,
    FILE_REJECTED,
    FILE_TOO_LARGE,
    FORBIDDEN,
    HEIC_NOT_SUPPORTED,
)
from core.files import FileView, avatars, links, shown, uploads
from core.files.links import Download, VariantQuery
from core.files.uploads import NewUpload, Upload
from core.market.traits import call
from core.text.fields import Text
from core.work.context import Ctx
from core.work.unit_of_work import unit_of_work


class NewAvatar(msgspec.Struct, frozen=True, rename="camel"):
    """The address of an image that was uploaded as an avatar."""

    file_url: Text


class Avatar(msgspec.Struct, frozen=True, rename="camel"):
    """It shows once it has been checked."""

    avatar_url: str


@call(FILE_TOO_LARGE, HEIC_NOT_SUPPORTED)
async def create_upload(ctx: Ctx, body: NewUpload) -> Upload:
    """Get a signed link to upload a file by; PUT it there, then use its fileUrl"""
    return await uploads.announce(ctx, body)


@call(FILE_NOT_FOUND, FORBIDDEN)
async def complete_upload(ctx: Ctx, file_id: UUID) -> FileView:
    """Have an uploaded file checked already, before it is used"""
    return shown(ctx, await uploads.complete(ctx, file_id))


@call(FILE_NOT_FOUND, FORBIDDEN, FILE_NOT_READY, FILE_REJECTED)
async def create_download(ctx: Ctx, file_id: UUID, query: VariantQuery) -> Download:
    """Get a signed link to download a file by"""
    return await links.download(ctx, file_id, query.variant)


async def set_avatar(ctx: Ctx, body: NewAvatar) -> Avatar:
    """Upload a profile picture; it is checked first, and the one before stays if it is not good"""
    await avatars.check(ctx, body.file_url)
    async with unit_of_work(ctx) as work:
        person = await avatars.change_person(ctx, work, url=body.file_url)
        return Avatar(person.avatar_url or "")
