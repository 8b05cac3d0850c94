"""Sends texts: by the first channel that takes and brings them, and by each only once as far as its provider tells."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import msgspec
from aiohttp import ClientSession, DummyCookieJar

from config.settings import Settings, SettingsError
from core.accounts.phones.numbers import parsed, subject
from core.base import clock
from core.base.ids import uuid7
from core.text.templates import parts_of
from core.texting import sent
from core.texting.hooks import sms_address
from core.texting.sent import ARRIVED, CLAIMED, STANDING, Delivery, NewText, tell
from core.work.context import Resources
from core.work.jobs import BusyError, PermanentError, SendText
from core.work.rules.accounts import Channel, TextRules
from marketplaces import policy_of
from workers.texting.providers import TIMEOUT, NotTakenError, Printer, Senders, Text, TextSender
from workers.texting.twilio import Twilio
from workers.texting.whatsapp import WhatsApp

LOOK_SECONDS: Final = 5.0  # between two looks at whether an earlier text has arrived

log = logging.getLogger(__name__)


def rules_of(market: str) -> TextRules:
    """Return what a marketplace says of texts; "": a job of the previous version, which did not name it."""
    otp = policy_of(market).otp if market else None
    return otp.texts if otp else TextRules()


async def send_text(resources: Resources, senders: Senders, job: SendText) -> None:
    """Send a text by the next of its channels, unless it is too late or not needed, and queue the one after that.

    Raises PermanentError, BusyError, NotTakenError.
    """
    if clock.now() >= job.until:
        return
    (channel, id), *later = job.ways or [("sms", str(uuid7()))]
    rules = rules_of(job.market)
    if job.after and not await _is_needed(resources, rules, job):
        return
    if await sent.claim(resources, _new_text(resources, job, channel, id)):
        await _send(resources, senders, channel, _text(resources.settings, rules, job, id), is_last=not later)
    elif (standing := await STANDING(resources.db, UUID(id))) and standing.state == "queued":
        raise BusyError(CLAIMED.total_seconds())  # somebody is sending it, or has died of it
    if later:
        await resources.jobs.enqueue(msgspec.structs.replace(job, ways=later, after=id))


async def _is_needed(resources: Resources, rules: TextRules, job: SendText) -> bool:
    """Say whether the text by an earlier channel does not arrive; raises BusyError while it may."""
    standing = await STANDING(resources.db, UUID(job.after))
    if standing is None or standing.state == "failed":
        return True
    if standing.state in ARRIVED:
        return False
    left = (standing.created_at + rules.patience - clock.now()).total_seconds()
    if left > 0:
        raise BusyError(min(left, LOOK_SECONDS))
    return True


async def _send(resources: Resources, senders: Senders, channel: Channel, text: Text, *, is_last: bool) -> None:
    try:
        if channel not in senders:
            raise NotTakenError(channel, "ours")
        provider_id = await senders[channel].send(text)
    except NotTakenError as error:
        if is_last and error.fault == "passing":
            await sent.release(resources, text.id)
            raise BusyError(error.retry_after) if error.retry_after else error from None
        await tell(resources, [Delivery(text.id, "", "failed", error.code or None)])
        log.log(logging.INFO if error.fault == "number" else logging.WARNING, "%s", error)
        if is_last and error.fault == "ours":
            raise PermanentError(str(error)) from None
    else:
        await tell(resources, [Delivery(text.id, provider_id, "accepted" if provider_id else "delivered")])


def _new_text(resources: Resources, job: SendText, channel: Channel, id: str) -> NewText:
    number, known = subject(resources.keys, job.phone), parsed(job.phone, None)
    parts = parts_of(job.text) if channel == "sms" else 1
    user_id = UUID(job.user_id) if job.user_id else None
    return NewText(UUID(id), job.market, user_id, channel, number, known.country if known else 0, job.template, parts)


def _text(settings: Settings, rules: TextRules, job: SendText, id: str) -> Text:
    template = next((one for one in rules.templates if one.name == job.template), rules.code)
    callback = settings.public_url + sms_address(rules.callback, id) if rules.callback else ""
    seconds = int((job.until - clock.now()).total_seconds())
    return Text(UUID(id), job.phone, job.text, template, job.language, job.values, seconds, callback)


@asynccontextmanager
async def open_senders(settings: Settings) -> AsyncIterator[Senders]:
    """Open what the settings name; raises SettingsError."""
    senders: dict[Channel, TextSender] = {}
    account = settings.twilio_account, settings.twilio_token, settings.twilio_from
    if settings.sms == "twilio" and not all(account):
        raise SettingsError("GREENROOM_SMS=twilio needs GREENROOM_TWILIO_ACCOUNT, _TOKEN and _FROM")
    if settings.whatsapp_number_id and not settings.whatsapp_token:
        raise SettingsError("GREENROOM_WHATSAPP_NUMBER_ID needs GREENROOM_WHATSAPP_TOKEN")
    async with ClientSession(timeout=TIMEOUT, cookie_jar=DummyCookieJar()) as http:
        if settings.sms == "print":
            senders = {"sms": Printer(), "whatsapp": Printer()}
        elif settings.sms:
            senders["sms"] = Twilio(http, *account)
        if settings.whatsapp_number_id:
            senders["whatsapp"] = WhatsApp(http, settings.whatsapp_number_id, settings.whatsapp_token)
        yield senders
