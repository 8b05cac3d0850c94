"""The story of webhooks, actions made offline, broadcasts and cached answers; and who may make which call of them."""

from tests.contract.story.matrix import EVERYBODY, OWN, THEIRS
from tests.contract.story.telling import Story

WEBHOOK = "/webhooks/{webhook_id}"
MATRIX: dict[tuple[str, str], str] = {
    ("GET", "/webhooks"): OWN,
    ("POST", "/webhooks"): OWN,
    ("PATCH", WEBHOOK): THEIRS,
    ("DELETE", WEBHOOK): THEIRS,
    ("POST", WEBHOOK + "/rotate"): THEIRS,
    ("POST", WEBHOOK + "/test"): THEIRS,
    ("POST", WEBHOOK + "/replay"): THEIRS,
    ("GET", WEBHOOK + "/deliveries"): THEIRS,
    ("POST", "/sync/actions"): OWN,
    ("GET", "/sync/queue"): OWN,
    ("GET", "/sync/last-sync-time"): OWN,
    ("GET", "/advice"): EVERYBODY,
}


async def tell(story: Story) -> None:
    """Make these calls."""
    ann = story.ann
    body = await story.make(ann, "POST", "/webhooks", url="https://ann.example/hook", events=["listing.sold"])
    id = body["data"]["webhook"]["id"]
    await story.make(ann, "GET", "/webhooks")
    await story.make(ann, "POST", WEBHOOK + "/test", id)
    delivery = (await story.make(ann, "GET", WEBHOOK + "/deliveries", id))["data"]["deliveries"][0]
    await story.make(ann, "POST", WEBHOOK + "/replay", id, delivery_id=delivery["id"])
    await story.make(ann, "POST", WEBHOOK + "/rotate", id, password=None)
    await story.make(ann, "PATCH", WEBHOOK, id, is_enabled=False)
    await story.make(ann, "DELETE", WEBHOOK, id)
    vase = {"client_id": "a", "type": "listing.create", "payload": {"title": "Vase", "price_cents": 100}}
    await story.make(ann, "POST", "/sync/actions", actions=[vase])
    await story.make(ann, "GET", "/sync/queue")
    await story.make(ann, "GET", "/sync/last-sync-time")
    await story.make(story.api.anyone, "GET", "/broadcasts")
    await story.make(story.api.anyone, "GET", "/statistics")
    await story.make(ann, "GET", "/advice")
