"""The bazaar's payments: a buyer pays for a listing, and its seller gets the money."""

from typing import Final
from uuid import UUID

import msgspec

from core.base import errors
from core.market.endpoints.payments import payments, subscriptions
from core.market.endpoints.payments.payments import Payment, view
from core.market.market import PUBLIC, Route, delete, get, post
from core.market.traits import call
from core.payments.checkout import intents
from core.work.context import Ctx
from tests.bazaar.policy import BUYERS, ROLES
from tests.bazaar.structs import Cents

PAYMENT: Final = "/payments/{payment_id}"


class Pay(msgspec.Struct, frozen=True, rename="camel"):
    """The price that the buyer saw."""

    price_cents: Cents


@call(
    errors.NOT_FOUND,
    errors.PRICE_CHANGED,
    errors.PAYMENT_REFUSED,
    errors.PAYMENT_NOT_POSSIBLE,
    errors.PROVIDER_UNAVAILABLE,
)
async def pay(ctx: Ctx, listing_id: UUID, body: Pay) -> Payment:
    """Begin to pay for a listing, or go on with it"""
    return view(ctx, await intents.begin(ctx, "listing", listing_id, body.price_cents))


ROUTES: tuple[Route, ...] = (
    post("/listings/{listing_id}/pay", pay, BUYERS),
    get("/payments", payments.list_payments, ROLES),
    get(PAYMENT, payments.get_payment, ROLES),
    post(PAYMENT + "/cancel", payments.cancel_payment, ROLES),
    post(PAYMENT + "/capture", payments.capture_payment, ROLES),
    post(PAYMENT + "/refunds", payments.refund_payment, ROLES),
    get(PAYMENT + "/refunds", payments.list_refunds, ROLES),
    get(PAYMENT + "/back", payments.come_back, PUBLIC),
    post("/payments/hook", payments.take_hook, PUBLIC),
    get("/plans", subscriptions.list_plans, PUBLIC),
    get("/subscriptions", subscriptions.list_subscriptions, ROLES),
    post("/subscriptions", subscriptions.subscribe, ROLES),
    delete("/subscriptions/{subscription_id}", subscriptions.unsubscribe, ROLES),
    get("/entitlements", subscriptions.list_entitlements, ROLES),
)
