"""WhatsApp's Cloud API: takes templates, refuses with its codes, and tells of many messages in one body, in any order."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from tests.doubles.twilio import PATIENCE, Refusal


@dataclass
class WhatsApp:
    """One number of a business, its approved templates (and the number of values in their bodies), and what it has taken."""

    url: str = ""
    number_id: str = "106540352242922"
    token: str = "the token of an app"
    app_secret: str = "the secret of an app"
    verify_token: str = "typed at Meta"
    templates: dict[tuple[str, str], int] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    taken: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def send(self, request: web.Request) -> web.Response:
        """Take a message, as POST /{version}/{number id}/messages does."""
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return self._refused(401, 190)
        if request.match_info["number"] != self.number_id:
            return self._refused(400, 100)
        message = await request.json()
        if message["messaging_product"] != "whatsapp" or not message["to"].isdigit():
            return self._refused(400, 100)
        template = message["template"]
        wanted = self.templates.get((template["name"], template["language"]["code"]))
        if wanted is None:
            return self._refused(404, 132001)
        values = {part["type"]: [one["text"] for one in part["parameters"]] for part in template["components"]}
        if len(values.get("body", [])) != wanted:
            return self._refused(400, 132000)
        if "button" in values and (values["button"] != values["body"] or len(values["button"][0]) > 15):
            return self._refused(400, 132018)
        refusal = self.refusals.pop(0) if self.refusals else None
        if refusal:
            return self._refused(refusal.status, refusal.code, refusal.headers)
        wamid = f"wamid.{next(self._numbers):032}"
        self.messages[wamid] = message
        self.taken.put_nowait(wamid)
        contact = {"input": message["to"], "wa_id": message["to"]}
        made = {"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": wamid}]}
        return web.json_response(made)

    @staticmethod
    def _refused(status: int, code: int, headers: dict[str, str] | None = None) -> web.Response:
        error = {"message": f"(#{code}) No", "type": "OAuthException", "code": code, "error_data": {"details": "No"}}
        return web.json_response({"error": error | {"fbtrace_id": "A"}}, status=status, headers=headers)

    async def next(self) -> tuple[str, dict[str, Any]]:
        """Return the next message, with its id."""
        async with asyncio.timeout(PATIENCE):
            wamid = await self.taken.get()
        return wamid, self.messages[wamid]

    def status(self, wamid: str, status: str, code: int = 0, *, knows_us: bool = True) -> dict[str, Any]:
        """Return what is told of a message; not all that is told has our own id in it."""
        told: dict[str, Any] = {"id": wamid, "status": status, "timestamp": "1764333333", "recipient_id": "1"}
        if knows_us:
            told["biz_opaque_callback_data"] = self.messages[wamid]["biz_opaque_callback_data"]
        if code:
            told["errors"] = [{"code": code, "title": "No", "error_data": {"details": "No"}}]
        else:
            told["pricing"] = {"billable": True, "pricing_model": "PMP", "category": "authentication"}
        return told

    async def tell(self, http: ClientSession, url: str, *statuses: dict[str, Any], secret: str = "") -> int:
        """Tell of messages, each within an entry of its own; return how that was answered."""
        entries = [
            {
                "id": "1",
                "changes": [{"field": "messages", "value": {"messaging_product": "whatsapp", "statuses": [one]}}],
            }
            for one in statuses
        ]
        octets = json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()
        digest = hmac.digest((secret or self.app_secret).encode(), octets, "sha256").hex()
        headers = {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}
        async with http.post(url, data=octets, headers=headers) as response:
            return response.status


@asynccontextmanager
async def whatsapp() -> AsyncIterator[WhatsApp]:
    """Run one."""
    double, app = WhatsApp(), web.Application()
    app.router.add_post("/{version}/{number}/messages", double.send)
    async with TestServer(app) as server:
        double.url = str(server.make_url("")).rstrip("/")
        yield double
