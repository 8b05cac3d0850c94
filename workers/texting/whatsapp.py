"""WhatsApp by Meta's Cloud API: templates only, as other messages are taken within a day of a user's own alone."""

from typing import Final

import msgspec
from aiohttp import ClientSession

from core.text.templates import WhatsAppTemplate
from workers.texting.providers import Codes, NotTakenError, Text, post, understood

GRAPH_URL = "https://graph.facebook.com"
VERSION: Final = "v24.0"
CODES: Final = Codes(
    # Not on WhatsApp, our own, withheld from this user, a country that gets none, not known by a number.
    of_number=frozenset({130472, 130497, 131021, 131026, 131049, 131050, 131062}),
    # Too many calls, messages, or messages to this number; away.
    passing=frozenset({1, 2, 4, 80007, 130429, 131000, 131016, 131056, 133004}),
)


class Message(msgspec.Struct, frozen=True):
    id: str = ""


class Made(msgspec.Struct, frozen=True):
    messages: list[Message] = []


class Problem(msgspec.Struct, frozen=True):
    code: int = 0


class Failure(msgspec.Struct, frozen=True):
    error: Problem = Problem()


class WhatsApp:
    """Sends from one number of a business."""

    def __init__(self, http: ClientSession, number_id: str, token: str) -> None:
        self._http = http
        self._path = f"/{VERSION}/{number_id}/messages"
        self._authorization = f"Bearer {token}"

    async def send(self, text: Text) -> str:
        """Send one, of its template there. That it was taken does not say that the number has WhatsApp."""
        template = text.template.whatsapp
        if template is None:
            raise NotTakenError("WhatsApp", "ours")
        body = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": text.to.removeprefix("+"),
            "type": "template",
            "template": {
                "name": template.name,
                "language": {"code": template.languages.get(text.language, text.language)},
                "components": components(template, text),
            },
            "biz_opaque_callback_data": str(text.id),
        }
        response, answer = await post("WhatsApp", self._http, GRAPH_URL + self._path, self._authorization, json=body)
        if not 200 <= response.status < 300:
            raise CODES.error("WhatsApp", response, understood(answer, Failure).error.code)
        (message, *_) = understood(answer, Made).messages or [Message()]
        return message.id


def components(template: WhatsAppTemplate, text: Text) -> list[dict[str, object]]:
    """Return the values of a template: those in its body and, once more, the one that its button copies."""
    parts: list[dict[str, object]] = []
    if template.parameters:
        parts.append({"type": "body", "parameters": [_value(text, name) for name in template.parameters]})
    if template.copies:
        # Its type is OTP where the template is made, and url where it is sent.
        copied = [_value(text, template.copies)]
        parts.append({"type": "button", "sub_type": "url", "index": "0", "parameters": copied})
    return parts


def _value(text: Text, name: str) -> dict[str, str]:
    return {"type": "text", "text": text.values[name]}
