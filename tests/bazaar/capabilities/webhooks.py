"""The bazaar's webhooks: sellers' servers are told of what is sold."""

from core.market.endpoints.hooks import webhooks
from core.market.market import Route, delete, get, patch, post
from tests.bazaar.policy import ROLES

WEBHOOK = "/webhooks/{webhook_id}"

ROUTES: tuple[Route, ...] = (
    get("/webhooks", webhooks.list_webhooks, ROLES),
    post("/webhooks", webhooks.create, ROLES),
    patch(WEBHOOK, webhooks.change, ROLES),
    delete(WEBHOOK, webhooks.delete, ROLES),
    post(WEBHOOK + "/rotate", webhooks.rotate, ROLES),
    post(WEBHOOK + "/test", webhooks.send_test, ROLES),
    post(WEBHOOK + "/replay", webhooks.replay, ROLES),
    get(WEBHOOK + "/deliveries", webhooks.list_deliveries, ROLES),
)
