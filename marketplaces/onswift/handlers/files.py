"""Files: uploads by signed links, downloads, profile pictures."""

from uuid import UUID

from core.accounts import sessions
from core.base import clock
from core.base.events import UserUpdated
from core.base.people import Person
from core.files import FileView, links, shown, uploads
from core.files.links import Download, VariantQuery
from core.files.uploads import NewUpload, Upload
from core.files.waiting import check_now
from core.work.context import Ctx
from core.work.unit_of_work import unit_of_work
from marketplaces.onswift import avatars, rules
from marketplaces.onswift.purposes import AVATAR, PURPOSES
from marketplaces.onswift.queries.files import SET_AVATAR
from marketplaces.onswift.structs.files import Avatar, NewAvatar


async def create_upload(ctx: Ctx, body: NewUpload) -> Upload:
    """Get a signed link to upload a file by; PUT it there, then use its fileUrl"""
    return await uploads.announce(ctx, PURPOSES, rules.UPLOADS, body)


async def complete_upload(ctx: Ctx, file_id: UUID) -> FileView:
    """Have an uploaded file checked already, before it is used"""
    return shown(ctx, await uploads.complete(ctx, file_id))


async def create_download(ctx: Ctx, file_id: UUID, query: VariantQuery) -> Download:
    """Get a signed link to download a file by"""
    return await links.download(ctx, PURPOSES, file_id, query.variant)


async def set_avatar(ctx: Ctx, body: NewAvatar) -> Avatar:
    """Upload a profile picture; it is checked first, and the one before stays if it is not good"""
    await check_now(ctx, PURPOSES, body.file_url, AVATAR.name, avatars.FIELD)
    async with unit_of_work(ctx) as work:
        await sessions.LOCK_USER(work.db, ctx.user.id)
        url = await avatars.put_on(ctx, work, body.file_url)
        await SET_AVATAR(work.db, ctx.user.id, url, clock.now())
        work.emit([ctx.user.id], UserUpdated(Person(ctx.user.id, ctx.user.person.name, url)))
        return Avatar(url)
