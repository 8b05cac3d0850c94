"""Texts: a buyer has a seller texted, and providers tell what became of it."""

from uuid import UUID

from core.market.endpoints.account_structs import Done
from core.market.endpoints.texting import hooks
from core.market.market import PUBLIC, Route, get, post
from core.market.traits import call
from core.texting.sending import text_user
from core.work.context import Ctx
from core.work.unit_of_work import unit_of_work
from tests.bazaar import handlers
from tests.bazaar.policy import BUYERS
from tests.bazaar.texts import NUDGE

SMS, WHATSAPP = "/hooks/texts/sms", "/hooks/texts/whatsapp"
NUDGED = "/listings/{listing_id}/nudge"


@call(handlers.LISTING_NOT_FOUND)
async def nudge(ctx: Ctx, listing_id: UUID) -> Done:
    """Have the seller of something texted"""
    async with unit_of_work(ctx) as work:
        listing = await handlers.get_listing(work.ctx, listing_id)
        await text_user(work, listing.seller.id, NUDGE.name, listing=listing.title)
    return Done("If there is a number, it gets a text")


ROUTES: tuple[Route, ...] = (
    post(NUDGED, nudge, BUYERS),
    post(SMS, hooks.take_sms_state, PUBLIC),
    get(WHATSAPP, hooks.confirm_whatsapp, PUBLIC),
    post(WHATSAPP, hooks.take_whatsapp_states, PUBLIC),
)
