"""What Twilio and WhatsApp tell of texts: who says so is verified, then it is read. Without a secret nobody is believed."""

import base64
import hmac
import logging
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from config.settings import Settings
from core.base import errors, ids
from core.base.answers import RawBody
from core.texting.sent import Delivery, State

MOST_FIELDS: Final = 100  # of a form
TWILIO: Final[dict[str, State]] = {
    "accepted": "accepted", "scheduled": "accepted", "queued": "accepted", "sending": "accepted", "sent": "sent",
    "partially_delivered": "sent", "delivered": "delivered", "read": "read", "undelivered": "failed", "failed": "failed",
    "canceled": "failed",
}  # fmt: skip
WHATSAPP: Final[dict[str, State]] = {"sent": "sent", "delivered": "delivered", "read": "read", "failed": "failed"}

log = logging.getLogger(__name__)


class Problem(msgspec.Struct, frozen=True):
    code: int = 0


class Pricing(msgspec.Struct, frozen=True):
    category: str = ""


class Status(msgspec.Struct, frozen=True):
    id: str
    status: str
    biz_opaque_callback_data: str = ""
    errors: list[Problem] = []
    pricing: Pricing = Pricing()


class Value(msgspec.Struct, frozen=True):
    statuses: list[Status] = []


class Change(msgspec.Struct, frozen=True):
    value: Value = Value()


class Entry(msgspec.Struct, frozen=True):
    changes: list[Change] = []


class Update(msgspec.Struct, frozen=True):
    entry: list[Entry] = []


def sms_address(callback: str, id: str) -> str:
    """Return path and query of the call that takes what becomes of an SMS."""
    return f"{callback}?text={id}"


def of_twilio(settings: Settings, address: str, id: str, raw: RawBody) -> list[Delivery]:
    """Read a status callback for the text with this id; `address`: path and query that Twilio was told. Raises FORBIDDEN."""
    try:
        form = parse_qs(raw.octets.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise _forged() from None
    signed = "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))
    token, given = settings.twilio_token.encode(), raw.headers.get("X-Twilio-Signature", "")
    candidates = [hmac.digest(token, (url + signed).encode(), "sha1") for url in _urls(settings.public_url, address)]
    if not token or not _is_one_of(given, [base64.b64encode(one).decode() for one in candidates]):
        raise _forged()
    (state, *_), (code, *_) = form.get("MessageStatus", [""]), form.get("ErrorCode", [""])
    sid = form.get("MessageSid", [""])[0]
    known, number = TWILIO.get(state), int(code) if re.fullmatch("[0-9]{1,9}", code) else None
    return [Delivery(ids.parsed(id), sid, known, number)] if known else []


def of_whatsapp(settings: Settings, raw: RawBody) -> list[Delivery]:
    """Read a webhook: many statuses, or none, as messages of users are told here, too. Raises FORBIDDEN."""
    secret = settings.whatsapp_app_secret.encode()
    expected = f"sha256={hmac.digest(secret, raw.octets, 'sha256').hex()}"
    if not secret or not _is_one_of(raw.headers.get("X-Hub-Signature-256", ""), [expected]):
        raise _forged()
    try:
        update = msgspec.json.decode(raw.octets, type=Update)
    except (ValueError, RecursionError):  # it is WhatsApp's: refused, it would come again for a week
        log.warning("WhatsApp told something that is not understood")
        return []
    statuses = [one for entry in update.entry for change in entry.changes for one in change.value.statuses]
    return [_of_status(one, WHATSAPP[one.status]) for one in statuses if one.status in WHATSAPP]


def challenge(settings: Settings, mode: str, token: str, given: str) -> str:
    """Return what WhatsApp gets when it asks whether the address of a webhook is ours; raises FORBIDDEN."""
    known = settings.whatsapp_verify_token
    if mode != "subscribe" or not known or not _is_one_of(token, [known]):
        raise _forged()
    return given


def _of_status(one: Status, state: State) -> Delivery:
    code = one.errors[0].code if one.errors and state == "failed" else None
    return Delivery(ids.parsed(one.biz_opaque_callback_data), one.id, state, code, one.pricing.category)


def _urls(public_url: str, address: str) -> list[str]:
    """Return the URL of a call as it may have been signed: with its port, and without."""
    parts = urlsplit(public_url)
    host = parts.netloc.removesuffix(f":{parts.port}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return [f"{parts.scheme}://{netloc}{address}" for netloc in (host, f"{host}:{port}")]


def _is_one_of(given: str, expected: Iterable[str]) -> bool:
    octets = given.encode(errors="replace")
    return any([hmac.compare_digest(octets, one.encode()) for one in expected])  # noqa: C419 - all, whichever it is


def _forged() -> errors.AppError:
    return errors.FORBIDDEN.error("The signature is not right")
