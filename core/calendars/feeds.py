"""The secret address under which a program that cannot log in (a calendar) reads a user's data.

Its token is derived from a nonce with a key of the ring, so that it can be shown to its owner again, and looked up by its
hash, so that it survives the key's removal and a copy of the table gives no access.

The previous version stored the token itself, and knows nothing else. It may run beside this one during an upgrade, so its
tokens stay for a day. A row with a token was written by that version: a hash in it belongs to an address that has been
replaced.
"""

import secrets
from collections.abc import Callable, Coroutine
from hashlib import sha256
from uuid import UUID

import msgspec

from core.base import clock, errors
from core.base.answers import Answer
from core.base.sharing import Shared
from core.calendars.icalendar import CalendarFile
from core.platform.db import One, Run, Scalar
from core.work.context import Ctx
from core.work.etag import body_tag, has_it
from core.work.personal_data import PersonalData, rows_of

NONCE_BYTES = 16
# Bytes of the feeds that were read last: calendar programs ask again and again, and most send the tag of their copy.
KEPT = 8 * 1024 * 1024
_files: Shared[CalendarFile] = Shared(KEPT, lambda file: len(file.octets))


class Feed(msgspec.Struct, frozen=True):
    hash: bytes | None
    nonce: bytes | None
    token: str | None


OF_USER = One(Feed, "select hash, nonce, token from feeds where user_id = $1")
# A login that ends meanwhile waits for this, and then ends the feed as well; an ended login creates none.
RENEW = Run(
    """
    with login as (select user_id from sessions where id = $1 and ended_at is null for share)
    insert into feeds (user_id, hash, nonce, created_at) select user_id, $2, $3, $4 from login
    on conflict (user_id) do update
        set hash = excluded.hash, nonce = excluded.nonce, token = null, created_at = excluded.created_at"""
)
OWNER = Scalar(
    UUID,
    """
    select u.id from feeds f join users u on u.id = f.user_id
    where (f.hash = $1 and f.token is null or f.token = $2) and u.market = $3 and u.deleted_at is null""",
)
# $1: the latest time of the migration; $2: how many.
HASH_TOKENS = Run(
    """
    update feeds set hash = sha256(convert_to(token, 'UTF8')), nonce = null, token = null
    where user_id in (select user_id from feeds where token is not null limit $2)
        and exists (select from schema_migrations where name = '0014_credentials' and applied_at < $1)"""
)
PERSONAL_DATA = PersonalData(
    "feeds",
    frozenset({"feeds"}),
    rows_of("select created_at from feeds where user_id = $1"),
    (Run("delete from feeds where user_id = $1"),),
)


async def address(ctx: Ctx) -> str | None:
    """Return the address of the caller's feed, which the marketplace serves under its `feed_path`.

    None: there is none, or it can no longer be shown (its key was removed, or an earlier version created it).
    """
    feed = await OF_USER(ctx.db, ctx.user.id)
    token = (feed.token or _derived(ctx, feed)) if feed else None
    return token and f"{ctx.resources.settings.public_url}/{ctx.policy.name}{ctx.policy.feed_path}?token={token}"


async def renew(ctx: Ctx) -> None:
    """Give the caller's feed a new address; the old one becomes invalid. Raises SESSION_ENDED."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    token = _tokens(ctx, nonce)[0]
    if not await RENEW(ctx.db, ctx.user.session_id, _hash(token), nonce, clock.now()):
        raise errors.SESSION_ENDED.error()


async def owner(ctx: Ctx, token: str) -> UUID:
    """Return the owner of the feed with this token; raises UNAUTHORIZED."""
    user_id = await OWNER(ctx.db, _hash(token), token, ctx.policy.name)
    if user_id is None:
        raise errors.UNAUTHORIZED.error("This address is not valid any more: ask for a new one")
    return user_id


async def answer(
    ctx: Ctx, owner: UUID, version: object, build: Callable[[], Coroutine[None, None, CalendarFile]]
) -> Answer[CalendarFile]:
    """Answer with a feed in a version, which changes when the feed does; built only if neither its reader nor we have it."""
    tag = body_tag(repr(version).encode())
    if has_it(ctx, tag):
        return Answer(304, CalendarFile(b""), tag)
    return Answer(200, await _files.get((owner, tag), build), tag)


def _derived(ctx: Ctx, feed: Feed) -> str | None:
    tokens = _tokens(ctx, feed.nonce) if feed.nonce else ()
    return next((token for token in tokens if _hash(token) == feed.hash), None)


def _tokens(ctx: Ctx, nonce: bytes) -> list[str]:
    return ctx.resources.keys.derive(b"feed:" + ctx.user.id.bytes + nonce)


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
