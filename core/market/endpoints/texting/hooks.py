"""Hooks by which Twilio and WhatsApp tell what has become of texts."""

from typing import Annotated

import msgspec
from msgspec import Meta

from core.base.answers import Answer, RawBody, Text
from core.base.errors import FORBIDDEN, NOT_FOUND
from core.market.traits import call
from core.texting import hooks
from core.texting.sent import tell
from core.work.context import Ctx

# Three of them fit into the first line of a request, whatever letters they have.
Part = Annotated[str, Meta(max_length=200)]


class SmsHook(msgspec.Struct, frozen=True):
    """Which text it is about, as we have told Twilio."""

    text: Annotated[str, Meta(max_length=36)] = ""


class Handshake(msgspec.Struct, frozen=True):
    """What WhatsApp asks an address that it is to call."""

    mode: Part = msgspec.field(name="hub.mode", default="")
    verify_token: Part = msgspec.field(name="hub.verify_token", default="")
    challenge: Part = msgspec.field(name="hub.challenge", default="")


class Plain(Text):
    """A text."""

    media_type = "text/plain"


@call(FORBIDDEN, NOT_FOUND, statuses=(204,))
async def take_sms_state(ctx: Ctx, query: SmsHook, raw: RawBody) -> None:
    """Take what Twilio tells of an SMS"""
    if ctx.policy.otp is None or not ctx.policy.otp.texts.callback:
        raise NOT_FOUND.error()
    address = hooks.sms_address(ctx.policy.otp.texts.callback, query.text)
    await tell(ctx.resources, hooks.of_twilio(ctx.resources.settings, address, query.text, raw))


@call(FORBIDDEN)
async def confirm_whatsapp(ctx: Ctx, query: Handshake) -> Answer[Plain]:
    """Answer WhatsApp that this is the address to call"""
    text = hooks.challenge(ctx.resources.settings, query.mode, query.verify_token, query.challenge)
    return Answer(0, Plain(text.encode()))


@call(FORBIDDEN)
async def take_whatsapp_states(ctx: Ctx, raw: RawBody) -> Answer[Plain]:
    """Take what WhatsApp tells of messages"""
    await tell(ctx.resources, hooks.of_whatsapp(ctx.resources.settings, raw))
    return Answer(0, Plain(b"OK"))  # it wants a 200
