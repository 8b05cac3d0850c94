"""A seller is texted, and providers tell what became of it."""

import base64
import hmac
import json

from tests.bazaar.capabilities.texting import NUDGED, SMS, WHATSAPP
from tests.bazaar.texts import TEXTS
from tests.contract.story.matrix import ONE_ROLE
from tests.contract.story.telling import Story

MATRIX = {("POST", NUDGED): ONE_ROLE}


async def tell(story: Story) -> None:
    """Make every call at least once."""
    anyone, settings = story.api.anyone, story.env.settings
    lamp = await story.make(story.ann, "POST", "/listings", title="Lamp", price_cents=1200)
    await story.make(story.bob, "POST", NUDGED, lamp["data"]["id"])
    form = {"MessageSid": "SM1", "MessageStatus": "sent"}
    signed = f"{settings.public_url}{TEXTS.callback}?text=1" + "".join(name + form[name] for name in sorted(form))
    digest = base64.b64encode(hmac.digest(settings.twilio_token.encode(), signed.encode(), "sha1")).decode()
    headers = {"X-Twilio-Signature": digest}
    await story.call(anyone, "POST", SMS, params={"text": "1"}, data=form, headers=headers)
    token = {"hub.mode": "subscribe", "hub.verify_token": settings.whatsapp_verify_token, "hub.challenge": "7"}
    await story.call(anyone, "GET", WHATSAPP, params=token)
    told = json.dumps({"object": "whatsapp_business_account", "entry": []}).encode()
    digest = hmac.digest(settings.whatsapp_app_secret.encode(), told, "sha256").hex()
    await story.call(anyone, "POST", WHATSAPP, data=told, headers={"X-Hub-Signature-256": f"sha256={digest}"})
