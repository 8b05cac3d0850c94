"""SMS by Twilio's Programmable Messaging. It knows no idempotency keys: who sends looks first whether a text went out."""

from typing import Final

import msgspec
from aiohttp import ClientSession, encode_basic_auth

from workers.texting.providers import Codes, Text, post, understood

TWILIO_URL = "https://api.twilio.com"
LEAST_SECONDS, MOST_SECONDS = 6, 36_000  # of the validity period; Twilio advises more than 5
CODES: Final = Codes(
    # No such number, opted out, cannot be reached by SMS or from here, a landline, unreachable.
    of_number=frozenset({21211, 21217, 21265, 21610, 21612, 21614, 21635, 30003, 30004, 30005, 30006}),
    passing=frozenset({20429, 20500, 20503, 30001, 30008}),
)


class Made(msgspec.Struct, frozen=True):
    sid: str = ""


class Failure(msgspec.Struct, frozen=True):
    code: int = 0


class Twilio:
    """Sends from an account, from a number, a sender id or, if it begins with MG, a messaging service."""

    def __init__(self, http: ClientSession, account: str, token: str, sender: str) -> None:
        self._http = http
        self._path = f"/2010-04-01/Accounts/{account}/Messages.json"
        self._authorization = encode_basic_auth(account, token)
        self._from = {"MessagingServiceSid" if sender.startswith("MG") else "From": sender}

    async def send(self, text: Text) -> str:
        """Send one, as an SMS of one or more parts."""
        seconds = min(max(text.seconds, LEAST_SECONDS), MOST_SECONDS)
        form = {"To": text.to, "Body": text.body, "ValidityPeriod": str(seconds), **self._from}
        if text.callback:
            form["StatusCallback"] = text.callback
        response, answer = await post("Twilio", self._http, TWILIO_URL + self._path, self._authorization, data=form)
        if not 200 <= response.status < 300:
            raise CODES.error("Twilio", response, understood(answer, Failure).code)
        return understood(answer, Made).sid  # without one it was taken all the same
