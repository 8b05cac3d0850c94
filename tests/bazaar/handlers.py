"""The bazaar's own calls."""

import hmac
from hashlib import sha256
from uuid import UUID

import msgspec

from core import files
from core.accounts import verification
from core.base import clock, errors
from core.base.answers import Answer, RawBody
from core.base.errors import ErrorCode
from core.base.ids import BigintIds
from core.base.paging import CursorQuery, Position, cursor_pagination, page_of
from core.base.people import Person
from core.files import avatars
from core.limits import quotas
from core.market.endpoints import account_structs, auth
from core.market.endpoints.account_structs import Done
from core.market.traits import call, like
from core.platform.db import Db, found
from core.search import geo
from core.text.fields import LinkToken, changed
from core.work.context import Ctx
from core.work.unit_of_work import unit_of_work
from tests.bazaar import policy, queries, selling
from tests.bazaar.queries import ListingRow
from tests.bazaar.structs import (
    Listing,
    ListingChange,
    ListingPage,
    Me,
    MyChange,
    NewListing,
    NewPictures,
    PictureList,
    ResetPassword,
    Version,
)

FUZZ = 1000.0  # metres: nobody learns more of where something is than a cell of that size
LISTING_NOT_FOUND = ErrorCode("LISTING_NOT_FOUND", 404, "There is no such listing")


@call(errors.INVALID_VERIFICATION_TOKEN, statuses=(302,))
async def verify_email(ctx: Ctx, token: LinkToken) -> Answer[None]:
    """Verify an e-mail address, and go to the page that says so"""
    await verification.verify_email(ctx, token)
    return Answer(302, None, location=f"{ctx.resources.settings.public_url}/verified")


@like(auth.reset_password)
async def reset_password(ctx: Ctx, token: LinkToken, body: ResetPassword) -> Answer[Done]:
    """Set a new password with the token from the e-mail"""
    return await auth.reset_password(ctx, account_structs.ResetPassword(token, body.new_password))


async def get_me(ctx: Ctx) -> Me:
    """Get who is logged in"""
    motto = await queries.MOTTO(ctx.db, ctx.user.id)
    return Me(ctx.user.id, ctx.user.email, ctx.user.person.name, ctx.user.role, motto or "")


async def update_me(ctx: Ctx, body: MyChange) -> Me:
    """Change one's name and motto"""
    me = changed(await get_me(ctx), body)
    async with unit_of_work(ctx) as work:
        await avatars.change_person(ctx, work, name=me.name)
        await queries.SET_MOTTO(work.db, me.id, me.motto)
    return me


async def list_listings(ctx: Ctx, query: CursorQuery) -> ListingPage:
    """Get what is for sale, the latest first"""
    page = page_of(query, await queries.PAGE(ctx.db, *query.bounds), lambda row: Position(row.created_at, row.id))
    total = await queries.COUNT(ctx.db) or 0
    return ListingPage([_view(row) for row in page.rows], cursor_pagination(query, total, page.next_cursor))


@call(errors.QUOTA_EXCEEDED, statuses=(201,))
async def create_listing(ctx: Ctx, body: NewListing) -> Listing:
    """Offer something"""
    id, seller_id, place = ctx.new_id(), ctx.user.id, body.place and geo.fuzzed(body.place, FUZZ, ctx.user.id)
    async with unit_of_work(ctx) as work:
        await quotas.take(work.db, ctx.policy.name, policy.LISTINGS_A_DAY, seller_id)
        texts = (body.title, body.price_cents, body.description)
        where = (place.lat, place.lon) if place else (None, None)
        await queries.INSERT(work.db, id, seller_id, *texts, clock.now(), *where)
        work.drop("listings")
        return _view(await _listing(work.db, id))


@call(LISTING_NOT_FOUND)
async def get_listing(ctx: Ctx, listing_id: UUID) -> Listing:
    """Get one of them"""
    return _view(await _listing(ctx.db, listing_id))


@call(LISTING_NOT_FOUND)
async def update_listing(ctx: Ctx, listing_id: UUID, body: ListingChange) -> Listing:
    """Change what one offers"""
    row = changed(await own(ctx, listing_id), body)
    await queries.UPDATE(ctx.db, row.id, row.title, row.price_cents, row.description)
    return _view(row)


@call(LISTING_NOT_FOUND)
async def delete_listing(ctx: Ctx, listing_id: UUID) -> None:
    """Offer it no more"""
    async with unit_of_work(ctx) as work:
        listing = await own(ctx, listing_id)
        await files.detach(work, listing.id)
        await queries.DELETE(work.db, listing.id, clock.now())
        work.drop("listings")


@call(LISTING_NOT_FOUND)
async def add_pictures(ctx: Ctx, listing_id: UUID, body: NewPictures) -> PictureList:
    """Show what one offers"""
    async with unit_of_work(ctx) as work:
        id = (await own(ctx, listing_id)).id
        if body.replaces_others:
            await files.detach(work, id)
        views = await files.attach(ctx, work, body.file_urls, policy.PICTURE.name, id, folder=f"listings/{id}")
        return PictureList(id, views)


@call(errors.FORBIDDEN, LISTING_NOT_FOUND, statuses=(204,))
async def take_payment(ctx: Ctx, raw: RawBody) -> None:
    """Take note of a payment, as its provider tells of it in a signed body"""
    (secret, *_) = ctx.resources.keys.derive(b"bazaar payments")
    signature = hmac.new(secret.encode(), raw.octets, sha256).hexdigest()
    if not hmac.compare_digest(signature.encode(), raw.headers.get("X-Signature", "").encode(errors="replace")):
        raise errors.FORBIDDEN.error("The signature is not right")
    id = BigintIds(ctx.policy.name).uuid(msgspec.json.decode(raw.octets, type=dict[str, int])["listing"])
    async with unit_of_work(ctx) as work:
        listing = await _listing(work.db, id)
        await selling.sell(work, id, listing.seller_id, listing.title, listing.price_cents)


async def get_version(_ctx: Ctx) -> Version:
    """Say which version this is"""
    return Version("1")


async def _listing(db: Db, id: UUID) -> ListingRow:
    return found(await queries.LISTING(db, id), LISTING_NOT_FOUND.error())


async def own(ctx: Ctx, id: UUID) -> ListingRow:
    """Return a listing of the caller; raises LISTING_NOT_FOUND, FORBIDDEN."""
    row = await _listing(ctx.db, id)
    if row.seller_id != ctx.user.id:
        raise errors.FORBIDDEN.error("Only its seller can do this")
    return row


def _view(row: ListingRow) -> Listing:
    seller = Person(row.seller_id, row.seller_name, row.seller_avatar_url)
    return Listing(row.id, seller, row.title, row.price_cents, row.description, row.created_at, row.sold_at)
