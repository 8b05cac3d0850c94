"""Programmable Messaging of Twilio: takes SMS, refuses them with its codes, and tells what becomes of them."""

import asyncio
import base64
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from aiohttp import ClientSession, encode_basic_auth, web
from aiohttp.test_utils import TestServer

PATIENCE = 20.0


@dataclass
class Refusal:
    """An answer that is not the usual one; `code` 0: it has no body of Twilio's. `loses`: it is taken, but nobody is told."""

    status: int
    code: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    loses: bool = False


@dataclass
class Twilio:
    """The account, and the messages that it has taken, by their sids."""

    url: str = ""
    account: str = "AC" + "0" * 32
    token: str = "the token of an account"
    sender: str = "MG" + "1" * 32
    refusals: list[Refusal] = field(default_factory=list)
    messages: dict[str, dict[str, str]] = field(default_factory=dict)
    taken: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    answered: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Take a message, as POST .../Messages.json does."""
        given, expected = request.headers.get("Authorization"), encode_basic_auth(self.account, self.token)
        if (given, request.match_info["account"]) != (expected, self.account):
            return self._refused(401, 20003)
        form = {name: str(value) for name, value in (await request.post()).items()}
        if "To" not in form or "Body" not in form or not (form.keys() & {"From", "MessagingServiceSid"}):
            return self._refused(400, 21604)
        if len(form["Body"]) > 1600 or not 1 <= int(form.get("ValidityPeriod", "36000")) <= 36000:
            return self._refused(400, 21617)
        refusal = self.refusals.pop(0) if self.refusals else Refusal(201)
        if refusal.status != 201 and not refusal.loses:
            return self._refused(refusal.status, refusal.code, refusal.headers, form["To"])
        sid = f"SM{next(self._numbers):032}"
        self.messages[sid] = form
        self.taken.put_nowait(sid)
        if refusal.loses:
            assert request.transport
            request.transport.abort()
            return web.Response()
        self.answered.put_nowait(201)
        # The number of segments is not known yet where a messaging service sends.
        body = {"sid": sid, "status": "accepted", "num_segments": "0", "error_code": None, "price": None}
        return web.json_response(body, status=201)

    def _refused(
        self, status: int, code: int, headers: dict[str, str] | None = None, number: str = ""
    ) -> web.StreamResponse:
        self.answered.put_nowait(status)
        if not code:
            return web.Response(status=status, text="<html>away</html>", headers=headers)
        said = {"code": code, "message": f"The 'To' number {number} is not good", "status": status, "more_info": ""}
        return web.json_response(said, status=status, headers=headers)

    async def next(self) -> tuple[str, dict[str, str]]:
        """Return the next message, with its sid."""
        async with asyncio.timeout(PATIENCE):
            sid = await self.taken.get()
        return sid, self.messages[sid]

    async def next_answer(self) -> int:
        """Return what the next message was answered."""
        async with asyncio.timeout(PATIENCE):
            return await self.answered.get()

    async def call_back(
        self,
        http: ClientSession,
        sid: str,
        status: str,
        error: str = "",
        *,
        token: str = "",
        signs: str = "",
        **more: str,
    ) -> int:
        """Tell what has become of a message; return how that was answered. `signs`: the URL that is signed, if another."""
        form = {
            "MessageSid": sid,
            "SmsSid": sid,
            "SmsStatus": status,
            "MessageStatus": status,
            "ErrorCode": error,
        } | more
        form |= {"To": self.messages.get(sid, {}).get("To", ""), "AccountSid": self.account, "ApiVersion": "2010-04-01"}
        url = self.messages[sid]["StatusCallback"]
        headers = {"X-Twilio-Signature": self.signature(signs or url, form, token or self.token)}
        async with http.post(url, data=form, headers=headers) as response:
            return response.status

    @staticmethod
    def signature(url: str, form: dict[str, str], token: str) -> str:
        """Return what goes with a call."""
        signed = url + "".join(name + form[name] for name in sorted(form))
        return base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()


@asynccontextmanager
async def twilio() -> AsyncIterator[Twilio]:
    """Run one."""
    double, app = Twilio(), web.Application()
    app.router.add_post("/2010-04-01/Accounts/{account}/Messages.json", double.send)
    async with TestServer(app) as server:
        double.url = str(server.make_url("")).rstrip("/")
        yield double
