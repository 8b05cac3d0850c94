"""Links to files: signed, for one login, with an expiry. Permission is checked when a link is created and when it is used."""

from datetime import timedelta
from typing import Literal, TypeAlias
from urllib.parse import quote
from uuid import UUID

import msgspec

from core.accounts.logins import LIVE_SESSIONS
from core.base import clock, errors
from core.files import table
from core.files.kinds.purposes import Purpose, purpose_named
from core.files.table import File
from core.platform.db import Db
from core.platform.tokens import FileLink, Validity, expiry
from core.work.context import Ctx, Resources
from core.work.policy import Policy

LIFETIME = timedelta(hours=1)  # for links to this server, which end with their login
# For links to S3 itself, which cannot be revoked: long enough to begin an upload, and for a browser to follow a redirect.
DIRECT_UPLOAD = timedelta(minutes=15)
FOLLOWED_SECONDS = 60
# For links in pages: a file keeps the same link for this long, so that browsers can cache it, and the link is valid for two
# more such periods.
SHOWN_SECONDS = 300
UPLOAD_PATH = "/api/upload/blob/{token}"
DOWNLOAD_PATH = "/api/files/blob/{token}"

Variant: TypeAlias = Literal["original", "thumbnail"]
THUMBNAIL_TYPE = "image/jpeg"


class VariantQuery(msgspec.Struct, frozen=True):
    """`thumbnail`: a small JPEG of an image."""

    variant: Variant = "original"


class Download(msgspec.Struct, frozen=True, rename="camel"):
    """A link to download a file, and how many seconds it lasts; it ends with its login and the right to read the file."""

    download_url: str
    expires_in: int


async def upload_url(ctx: Ctx, file: File, said: str) -> str:
    """Return the upload link for a file with its announced type: to S3 itself, or through this server."""
    # Also through this server: this raises if no storage is configured.
    seconds = int(DIRECT_UPLOAD.total_seconds())
    direct = await ctx.resources.storage.link_to_put(file.key, file.size, said, seconds)
    if ctx.resources.settings.s3_links == "direct":
        return direct
    login = ctx.user.session_id
    return _address(ctx, UPLOAD_PATH, FileLink(file.id, file.owner_id, **_validity(), kind="upload", session_id=login))


async def download(ctx: Ctx, file_id: UUID, variant: Variant) -> Download:
    """Return a link for the caller; raises FILE_NOT_FOUND, FORBIDDEN, FILE_NOT_READY, FILE_REJECTED."""
    file = await readable(ctx.db, ctx.policy, file_id, ctx.user.id)
    object_of(file, variant)
    login = ctx.user.session_id
    link = FileLink(file.id, ctx.user.id, **_validity(), kind="download", variant=variant, session_id=login)
    return Download(_address(ctx, DOWNLOAD_PATH, link), int(LIFETIME.total_seconds()))


def view_url(ctx: Ctx, file_id: UUID, variant: Variant) -> str:
    """Return a personal link of the caller for a page (`<img src>`), valid for ten to fifteen minutes."""
    return _shown(ctx, file_id, ctx.user.id, variant, ctx.user.session_id)


async def review_links(ctx: Ctx, id: UUID) -> list[tuple[str, str, str | None]]:
    """Return the pictures of what a reviewer looks at, a file or what files are attached to: name, link, and that of a thumbnail.

    Each is a link for a page with the rights of the file's owner, valid for ten to fifteen minutes: it belongs to no login.
    """
    file = await table.FILE(ctx.db, id)
    files = [file] if file else await table.OF_ENTITIES(ctx.db, [id])
    return [
        (
            one.file_name,
            _shown(ctx, one.id, one.owner_id, "original"),
            _shown(ctx, one.id, one.owner_id, "thumbnail") if one.thumbnail_key else None,
        )
        for one in files
        if one.market == ctx.policy.name and one.status == "released" and one.mime_type.startswith("image/")
    ]


def _shown(ctx: Ctx, file_id: UUID, user_id: UUID, variant: Variant, login: UUID | None = None) -> str:
    now = int(clock.now().timestamp())
    since = now - now % SHOWN_SECONDS
    validity = Validity(iat=since, exp=since + 3 * SHOWN_SECONDS)
    link = FileLink(file_id, user_id, **validity, kind="download", variant=variant, session_id=login, is_shown=True)
    return _address(ctx, DOWNLOAD_PATH, link)


async def opened(resources: Resources, token: str, kind: Literal["upload", "download"]) -> FileLink:
    """Return the claims of a link; raises FORBIDDEN, also if the login that it was created for has ended."""
    link = resources.keys.file_link(token, kind)
    if link.session_id and not await LIVE_SESSIONS(resources.db, [link.session_id]):
        raise errors.FORBIDDEN.error("The login that this link was made for has ended")
    return link


async def readable(db: Db, policy: Policy, file_id: UUID, user_id: UUID | None) -> File:
    """Return a released file that this user (None: anybody) may read; raises as `download`, or UNAUTHORIZED without a login."""
    file = await table.FILE(db, file_id)
    purpose = purpose_named(policy, file.purpose) if file else None
    if file is None or purpose is None or file.market != policy.name:
        raise errors.FILE_NOT_FOUND.error()
    if not await _may_read(db, purpose, file, user_id):
        raise errors.FORBIDDEN.error() if user_id else errors.UNAUTHORIZED.error()
    if file.status == "rejected":
        raise errors.FILE_REJECTED.error()
    if file.status != "released":
        raise errors.FILE_NOT_READY.error()
    return file


def object_of(file: File, variant: Variant) -> tuple[str, str]:
    """Return the key and the type of a variant of a file; raises FILE_NOT_FOUND."""
    if variant == "original":
        return file.key, file.mime_type
    if file.thumbnail_key is None:
        raise errors.FILE_NOT_FOUND.error("There is no thumbnail of it")
    return file.thumbnail_key, THUMBNAIL_TYPE


def disposition(file: File, *, inline: bool) -> str:
    """Return the Content-Disposition of a file: private files are saved, never shown in our origin."""
    return f"{'inline' if inline else 'attachment'}; filename*=UTF-8''{quote(file.file_name, safe='')}"


async def _may_read(db: Db, purpose: Purpose, file: File, user_id: UUID | None) -> bool:
    if file.entity_id is None:
        return user_id == file.owner_id
    if purpose.may_read is None:
        return True
    return user_id is not None and await purpose.may_read(db, user_id, file)


def _address(ctx: Ctx, path: str, link: FileLink) -> str:
    here = f"{ctx.resources.settings.public_url}/{ctx.policy.name}"
    return here + path.format(token=ctx.resources.keys.sign(link))


def _validity() -> Validity:
    return expiry(clock.now(), LIFETIME)
