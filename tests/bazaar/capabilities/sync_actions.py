"""What the bazaar's apps may queue while they are offline."""

from uuid import UUID

from core.market.endpoints import messages
from core.market.endpoints.hooks.sync_actions import Kind, applying, get_last_sync_time, get_queue
from core.market.market import Route, get, post
from core.platform.db import Scalar
from core.work.context import Ctx
from core.work.etag import check_if_match, version_tag
from core.work.unit_of_work import unit_of_work
from tests.bazaar import handlers
from tests.bazaar.dialect import DIALECT
from tests.bazaar.policy import POLICY, ROLES, SELLERS
from tests.bazaar.structs import Listing, ListingChange

LOCK = Scalar(UUID, "select id from bazaar.listings where id = $1 for no key update")


async def change_listing(ctx: Ctx, listing_id: UUID, body: ListingChange) -> Listing:
    """Change what one offers, unless its price is another one than it was when this was decided"""
    async with unit_of_work(ctx) as work:
        await LOCK(work.db, listing_id)
        listing = await handlers.get_listing(work.ctx, listing_id)
        check_if_match(ctx, version_tag(listing.price_cents))
        return await handlers.update_listing(work.ctx, listing_id, body)


KINDS = {
    "listing.create": Kind(handlers.create_listing, SELLERS),
    "listing.change": Kind(change_listing, SELLERS, handlers.get_listing),
    "message.send": Kind(messages.send_message, ROLES),
}
ROUTES: tuple[Route, ...] = (
    post("/sync/actions", applying(KINDS, POLICY, DIALECT), ROLES),
    get("/sync/queue", get_queue, ROLES),
    get("/sync/last-sync-time", get_last_sync_time, ROLES),
)
