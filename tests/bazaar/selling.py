"""What the bazaar sells: listings, each once, and a subscription."""

from typing import Final
from uuid import UUID

from core import webhooks
from core.base import clock, errors
from core.payments.checkout import refunds
from core.payments.checkout.rows import Intent
from core.payments.checkout.rules import PaymentRules, Plan, Purpose, Quote
from core.platform.db import found
from core.work.context import Ctx
from core.work.notices import Notice
from core.work.unit_of_work import UnitOfWork
from tests.bazaar import queries
from tests.bazaar.structs import Sold

LISTING_SOLD: Final = Notice("listing_sold", "Sold", "'{title}' is sold", "listing")
FEE_PERCENT: Final = 10
FRAGILE: Final = "fragile"  # what is in its description is paid for only when it has been sent


async def quote(ctx: Ctx, listing_id: UUID) -> Quote:
    """Return what a listing costs; raises NOT_FOUND, PAYMENT_NOT_POSSIBLE: it is sold."""
    listing = found(await queries.LISTING(ctx.db, listing_id), errors.NOT_FOUND.error())
    if listing.sold_at or not listing.price_cents:
        raise errors.PAYMENT_NOT_POSSIBLE.error()
    price = listing.price_cents
    waits = FRAGILE in listing.description
    return Quote(price, "USD", listing.title, listing.seller_id, price * FEE_PERCENT // 100, is_manual=waits)


async def changed(work: UnitOfWork, before: Intent, after: Intent) -> None:
    """Sell a listing that is paid; who pays second gets the money back."""
    if after.state != "succeeded" or before.state == after.state:
        return
    if not (after.payee_id and await sell(work, after.subject_id, after.payee_id, after.title, after.amount)):
        await refunds.request(work.ctx, after.id, after.captured, "It was sold already")


async def sell(work: UnitOfWork, id: UUID, seller_id: UUID, title: str, price: int) -> bool:
    """Note that a listing is sold, and tell its seller; False: it was sold before."""
    if not await queries.SELL(work.db, id, clock.now()):
        return False
    await work.notify(LISTING_SOLD, [seller_id], id, title=title)
    await webhooks.send(work, "listing.sold", [seller_id], Sold(id, price))
    work.drop("listings")
    return True


RULES: Final = PaymentRules(
    provider="sandbox",
    currencies=frozenset({"USD"}),
    purposes=(Purpose("listing", quote, changed),),
    plans=(Plan("plus", "Bazaar Plus", 500, "USD", 30, frozenset({"unlimited_listings"})),),
    hook="/bazaar/api/v1/payments/hook",
    back="/bazaar/api/v1/payments/{id}/back",
)
