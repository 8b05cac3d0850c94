"""The story of the bazaar: every call of its table, successfully; and who may make which."""

import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from cli.login_provider.people import PEOPLE
from core.accounts.identity import RESET, VERIFY
from core.accounts.oauth import flows, links
from core.accounts.one_time import codes, tokens
from core.accounts.one_time.codes import Use
from core.accounts.phones import sending
from core.accounts.verification import VERIFY_EMAIL
from core.base.clock import now
from core.base.ids import BigintIds, uuid7
from core.platform.db import transaction
from tests.bazaar.stories import hooks, payments, review, texting, tickets, verification
from tests.contract.story.matrix import EVERYBODY, ONE_ROLE, OWN, THEIRS
from tests.contract.story.telling import Story
from tests.flow.api.conftest import PASSWORD, Api, Caller
from tests.flow.conftest import Environment
from tests.flow.onswift.uploading import image

CONVERSATION = "/conversations/{conversation_id}"
MESSAGE = CONVERSATION + "/messages/{message_id}"
LISTING = "/listings/{listing_id}"
IDS = BigintIds("bazaar")
# Of the range that films use.
PHONE, OTHER_PHONE = "+12025550101", "+12025550102"

MATRIX: dict[tuple[str, str], str] = {
    **review.MATRIX,
    ("POST", "/auth/logout"): OWN,
    ("GET", "/auth/sessions"): OWN,
    ("DELETE", "/auth/sessions/{session_id}"): THEIRS,
    ("GET", "/auth/me"): OWN,
    ("PATCH", "/auth/me"): OWN,
    ("DELETE", "/auth/me"): OWN,
    ("GET", "/auth/me/export"): OWN,
    ("POST", "/auth/phone"): OWN,
    ("POST", "/auth/phone/confirm"): OWN,
    ("POST", "/auth/oauth/{provider}/link"): OWN,
    ("GET", "/auth/providers"): OWN,
    ("DELETE", "/auth/providers/{provider}"): OWN,
    ("GET", "/auth/api-keys"): OWN,
    ("POST", "/auth/api-keys"): OWN,
    ("POST", "/auth/api-keys/{key_id}/rotate"): THEIRS,
    ("DELETE", "/auth/api-keys/{key_id}"): THEIRS,
    ("POST", "/users/{user_id}/report"): EVERYBODY,
    ("GET", "/listings"): EVERYBODY,
    ("POST", "/listings"): ONE_ROLE,
    ("GET", LISTING): EVERYBODY,
    ("PATCH", LISTING): THEIRS,
    ("DELETE", LISTING): THEIRS,
    ("GET", "/conversations"): OWN,
    ("POST", LISTING + "/pictures"): THEIRS,
    ("POST", "/conversations"): OWN,
    ("GET", CONVERSATION): THEIRS,
    ("GET", CONVERSATION + "/messages"): THEIRS,
    ("POST", CONVERSATION + "/messages"): THEIRS,
    ("PATCH", MESSAGE): THEIRS,
    ("DELETE", MESSAGE): THEIRS,
    ("PATCH", CONVERSATION + "/read"): THEIRS,
    ("GET", "/notifications"): OWN,
    ("PATCH", "/notifications/read-all"): OWN,
    ("PATCH", "/notifications/{notification_id}/read"): THEIRS,
    **tickets.MATRIX,
    **texting.MATRIX,
    **verification.MATRIX,
    **hooks.MATRIX,
    ("GET", "/wallet"): OWN,
    ("GET", "/wallet/entries"): OWN,
    **payments.MATRIX,
}


async def tell(api: Api, env: Environment, make: Callable[..., Story] = Story) -> Story:
    """Make every call at least once."""
    ann, bob = await api.signed_up("seller", "Ann"), await api.signed_up("buyer", "Bob")
    story = make(api, env, ann, bob, await api.signed_up("buyer", "Eve"))
    env.resources.limits._raised = {one: 10 for person in (ann, bob) for one in (str(IDS.taken(person.id)),)}
    await _tell_of_accounts(story)
    await _tell_of_phones(story)
    await _tell_of_providers(story)
    await _tell_of_keys(story)
    await _tell_of_listings(story)
    await _tell_of_messages(story)
    await review.tell(story)
    await tickets.tell(story)
    await texting.tell(story)
    await verification.tell(story)
    await hooks.tell(story)
    await payments.tell(story)
    await story.make(ann, "GET", "/wallet")
    await story.call(ann, "GET", "/wallet/entries", params={"currency": "USD"})
    root = Caller(api.client, "/bazaar")
    for path in ("/healthz", "/readyz", "/api/version"):
        await story.call(root, "GET", path)
    return story


async def _tell_of_accounts(story: Story) -> None:
    api, anyone, email = story.api, story.api.anyone, "new@example.com"
    new = {"email": email, "password": PASSWORD, "name": "New", "user_type": "buyer"}
    await story.make(anyone, "POST", "/auth/register", **new)
    login = {"email": email, "password": PASSWORD}
    body = (await story.make(anyone, "POST", "/auth/login", **login))["data"]
    await story.make(anyone, "POST", "/auth/refresh", refresh_token=body["refresh_token"])
    await story.make(anyone, "POST", "/auth/forgot-password", email=email)
    user_id, expires = IDS.taken(body["user"]["id"]), now() + timedelta(hours=1)
    for purpose in (RESET, VERIFY):
        await tokens.INSERT(story.env.resources.db, tokens.digest("t" + purpose[0]), user_id, purpose, expires)
    await story.call(anyone, "GET", "/auth/verify-email/{token}", "t" + VERIFY[0], allow_redirects=False)
    path = "/auth/reset-password/{token}"
    await story.make(anyone, "POST", path, "t" + RESET[0], new_password=PASSWORD)
    await api.log_in(email)
    someone = api.logged_in(await api.log_in(email))
    await story.make(someone, "GET", "/auth/csrf")
    await story.make(someone, "GET", "/auth/me")
    await story.make(someone, "PATCH", "/auth/me", name="Newer")
    await story.make(someone, "GET", "/auth/me/export")
    sessions = (await story.make(someone, "GET", "/auth/sessions"))["data"]["sessions"]
    await story.make(someone, "DELETE", "/auth/sessions/{session_id}", sessions[1]["id"])
    await story.make(someone, "POST", "/auth/logout")
    someone = api.logged_in(await api.log_in(email))
    await story.make(someone, "DELETE", "/auth/me")


async def _tell_of_phones(story: Story) -> None:
    resources, anyone, ann = story.env.resources, story.api.anyone, story.ann
    await story.make(anyone, "POST", "/auth/otp/send", phone=PHONE)
    new = {"phone": PHONE, "name": "Pam", "user_type": "buyer"}
    async with transaction(resources.db) as db:
        code = await codes.issue(resources.keys, db, Use("bazaar", sending.LOGIN, PHONE))
        confirm = Use("bazaar", sending.CONFIRM, OTHER_PHONE, UUID(IDS.taken(ann.id)))
        other = await codes.issue(resources.keys, db, confirm)
    await story.make(anyone, "POST", "/auth/otp/verify", code=code, **new)
    await story.make(ann, "POST", "/auth/phone", phone=OTHER_PHONE)
    await story.make(ann, "POST", "/auth/phone/confirm", phone=OTHER_PHONE, code=other)


async def _tell_of_providers(story: Story) -> None:
    db, anyone, ann, path = story.env.resources.db, story.api.anyone, story.ann, "/auth/oauth/{provider}"
    await story.call(anyone, "GET", path, "google", allow_redirects=False)
    await story.call(anyone, "GET", path + "/callback", "google", allow_redirects=False)
    await story.call(anyone, "POST", path + "/callback", "apple", data={"state": "x"}, allow_redirects=False)
    user_id, expires = IDS.taken(ann.id), now() + timedelta(minutes=1)
    await tokens.INSERT(db, flows.code_hash("code", ""), user_id, links.LOGIN, expires)
    await story.make(anyone, "POST", "/auth/oauth/redeem", code="code")
    nonce = (await story.make(anyone, "POST", "/auth/oauth/nonce"))["data"]["nonce"]
    assert story.env.provider
    token = story.env.provider.id_token("google", PEOPLE["ada"], nonce)
    await story.make(anyone, "POST", path + "/token", "google", token=token, nonce=nonce, user_type="buyer")
    await VERIFY_EMAIL(db, user_id, now())
    await story.make(ann, "POST", path + "/link", "google", page="/")
    await links.INSERT_LINK(db, uuid7(), "bazaar", "google", "1", user_id, now(), None)
    await story.make(ann, "GET", "/auth/providers")
    await story.make(ann, "DELETE", "/auth/providers/{provider}", "google")


async def _tell_of_keys(story: Story) -> None:
    ann, path = story.ann, "/auth/api-keys"
    made = await story.make(ann, "POST", path, name="A program", scopes=["listings"])
    await story.make(ann, "GET", path)
    next_one = await story.make(ann, "POST", path + "/{key_id}/rotate", made["data"]["api_key"]["id"])
    await story.make(ann, "DELETE", path + "/{key_id}", next_one["data"]["api_key"]["id"])


async def _tell_of_listings(story: Story) -> None:
    ann, bob = story.ann, story.bob
    lamp = {"title": "Lamp", "price_cents": 1200}
    id = (await story.make(ann, "POST", "/listings", **lamp))["data"]["id"]
    await story.call(bob, "GET", "/listings", params={"per_page": 5})
    await story.make(bob, "GET", LISTING, id)
    await story.make(ann, "PATCH", LISTING, id, price_cents=1100)
    await story.call(ann, "POST", LISTING + "/pictures", id, **pictures(image()))
    paid = json.dumps({"listing": int(id)}).encode()
    await story.call(story.api.anyone, "POST", "/hooks/payments", data=paid, headers=signed(story.env, paid))
    sold = (await story.make(ann, "GET", "/notifications"))["data"][0]
    await story.make(ann, "PATCH", "/notifications/{notification_id}/read", sold["id"])
    await story.make(ann, "PATCH", "/notifications/read-all")
    await story.make(ann, "DELETE", LISTING, id)
    await story.make(bob, "POST", "/users/{user_id}/report", ann.id, reason="spam", text="")


async def _tell_of_messages(story: Story) -> None:
    ann, bob = story.ann, story.bob
    for _ in range(2):
        body = await story.make(bob, "POST", "/conversations", participant_id=ann.id)
    id = body["data"]["id"]
    await story.make(bob, "GET", CONVERSATION, id)
    await story.make(bob, "GET", "/conversations")
    for _ in range(2):
        body = await story.make(bob, "POST", CONVERSATION + "/messages", id, content="Is it there?", client_id="1")
    said = body["data"]["id"]
    await story.make(ann, "GET", CONVERSATION + "/messages", id)
    await story.make(bob, "PATCH", MESSAGE, id, said, content="Is it still there?")
    await story.make(ann, "PATCH", CONVERSATION + "/read", id, message_id=said)
    await story.make(bob, "DELETE", MESSAGE, id, said)


def pictures(*contents: bytes, **texts: str) -> dict[str, Any]:
    """Return a form with pictures, whose bytes can be sent again."""
    head = b'--b\r\nContent-Disposition: form-data; name="'
    parts = [head + name.encode() + b'"\r\n\r\n' + text.encode() for name, text in texts.items()]
    for place, content in enumerate(contents):
        name = b'pictures[]"; filename="%d.png"\r\nContent-Type: image/png\r\n\r\n' % place
        parts.append(head + name + content)
    return {
        "data": b"\r\n".join((*parts, b"--b--\r\n")),
        "headers": {"Content-Type": "multipart/form-data; boundary=b"},
    }


def signed(env: Environment, body: bytes) -> dict[str, Any]:
    """Return the headers of a payment's hook."""
    (secret, *_) = env.resources.keys.derive(b"bazaar payments")
    return {"X-Signature": hmac.new(secret.encode(), body, sha256).hexdigest()}
