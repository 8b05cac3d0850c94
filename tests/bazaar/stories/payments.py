"""The story of the bazaar's payments: a lamp is paid and refunded, a vase authorized and captured, and there is a plan."""

import time
from typing import Final
from urllib.parse import urlsplit

from aiohttp import ClientSession

from cli.sandbox_payments.page import GOOD_CARD
from core.payments.providers.sandbox import SECRET, SIGNATURE, signature
from tests.bazaar.capabilities.payments import PAYMENT
from tests.contract.story.matrix import ONE_ROLE, OWN, THEIRS
from tests.contract.story.telling import Story

PAY: Final = "/listings/{listing_id}/pay"
SUBSCRIPTION: Final = "/subscriptions/{subscription_id}"
MATRIX: Final = {
    ("POST", PAY): ONE_ROLE,
    ("GET", "/payments"): OWN,
    ("GET", PAYMENT): THEIRS,
    ("POST", PAYMENT + "/cancel"): THEIRS,
    ("POST", PAYMENT + "/capture"): THEIRS,
    ("POST", PAYMENT + "/refunds"): THEIRS,
    ("GET", PAYMENT + "/refunds"): THEIRS,
    ("GET", "/subscriptions"): OWN,
    ("POST", "/subscriptions"): OWN,
    ("DELETE", SUBSCRIPTION): THEIRS,
    ("GET", "/entitlements"): OWN,
}


async def tell(story: Story) -> None:
    """Make every call at least once."""
    ann, bob, anyone = story.ann, story.bob, story.api.anyone
    lamp = await _begun(story, "Lamp")
    id = lamp["id"]
    await _pay(lamp["pay_url"])
    await story.call(anyone, "GET", PAYMENT + "/back", id, allow_redirects=False)
    event = b'{"id":"evt_1","type":"payment.succeeded","object":{"id":"%s"}}' % _ref(lamp["pay_url"]).encode()
    signed = {SIGNATURE: signature(SECRET, event, int(time.time()))}
    await story.call(anyone, "POST", "/payments/hook", data=event, headers=signed)
    assert (await story.make(bob, "GET", PAYMENT, id))["data"]["state"] == "succeeded"
    await story.call(ann, "GET", "/payments", params={"per_page": 1})
    await story.make(ann, "POST", PAYMENT + "/refunds", id, amount=200, reason="A scratch")
    await story.make(bob, "GET", PAYMENT + "/refunds", id)
    vase = await _begun(story, "Vase", "fragile")
    await _pay(vase["pay_url"])
    await story.call(anyone, "GET", PAYMENT + "/back", vase["id"], allow_redirects=False)
    await story.make(ann, "POST", PAYMENT + "/capture", vase["id"], amount=1000)
    other = await _begun(story, "Another vase", "fragile")
    await story.make(bob, "POST", PAYMENT + "/cancel", other["id"])
    await story.make(anyone, "GET", "/plans")
    begun = (await story.make(bob, "POST", "/subscriptions", plan="plus"))["data"]
    await _pay(begun["pay_url"])
    await story.make(bob, "GET", "/subscriptions")
    await story.make(bob, "DELETE", SUBSCRIPTION, begun["id"])
    await story.make(bob, "GET", "/entitlements")


async def _begun(story: Story, title: str, description: str = "") -> dict[str, str]:
    offered = {"title": title, "price_cents": 1200, "description": description}
    listing = (await story.ann.post("/listings", **offered)).body["data"]
    begun: dict[str, str] = (await story.make(story.bob, "POST", PAY, listing["id"], price_cents=1200))["data"]
    return begun


async def _pay(url: str) -> None:
    """Pay on the provider's page."""
    async with ClientSession() as http:
        form = {"card": GOOD_CARD, "press": "pay"}
        async with http.post(url, data=form, allow_redirects=False) as answer:
            assert answer.status == 303


def _ref(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2]
