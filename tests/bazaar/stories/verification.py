"""Somebody shows who she is, by a provider and by papers."""

from uuid import UUID

import msgspec

from core.base.ids import BigintIds
from core.verification import local
from core.work.context import Ctx
from tests.bazaar.capabilities.review import TASK
from tests.bazaar.capabilities.verification import ALL, CALLBACK, DEALS, ONE, PAPERS_OF
from tests.bazaar.policy import IDENTITY, LOCAL, POLICY, SHOP
from tests.bazaar.stories.review import moderator
from tests.contract.story.matrix import OWN, THEIRS
from tests.contract.story.telling import Story
from tests.flow.onswift.uploading import image

# Its last digit says that it is approved.
ID_NUMBER = "1000000001"
MATRIX = {
    ("POST", ALL): OWN,
    ("GET", ALL): OWN,
    ("GET", ONE): THEIRS,
    ("POST", PAPERS_OF): THEIRS,
    ("GET", DEALS): THEIRS,
}


async def tell(story: Story) -> None:
    """Make every call at least once."""
    bob, env = story.bob, story.env
    begun = (await story.make(bob, "POST", ALL, kind=IDENTITY, id_number=ID_NUMBER))["data"]
    await story.make(bob, "GET", ONE, begun["id"])
    (ref,) = [
        ref for ref, one in LOCAL.requests.items() if one.person == ID_NUMBER and str(one.id) == _uuid(begun["id"])
    ]
    told = msgspec.json.encode(LOCAL.outcome(ref))
    signature = local.signature(Ctx(env.resources, env.publisher, POLICY, "story"), told)
    await story.call(story.api.anyone, "POST", CALLBACK, IDENTITY, data=told, headers={local.SIGNATURE: signature})
    await story.make(bob, "GET", DEALS)
    shop = (await story.make(bob, "POST", ALL, kind=SHOP))["data"]["id"]
    await story.call(bob, "POST", PAPERS_OF, shop, **papers(image()))
    mod = await moderator(story, "Max")
    (task,) = (await story.call(mod, "GET", "/review/tasks", params={"kind": "verification"}))["data"]
    await story.make(mod, "POST", TASK + "/decide", task["id"], decision="reject", note="Not to be read")
    await story.make(bob, "GET", ALL)


def papers(content: bytes) -> dict[str, object]:
    """Return a form with a paper, whose bytes can be sent again."""
    head = (
        b'--b\r\nContent-Disposition: form-data; name="papers[]"; filename="p.png"\r\nContent-Type: image/png\r\n\r\n'
    )
    form = "multipart/form-data; boundary=b"
    return {"data": head + content + b"\r\n--b--\r\n", "headers": {"Content-Type": form}}


def _uuid(bigint: str) -> str:
    return str(UUID(BigintIds("bazaar").taken(bigint)))
