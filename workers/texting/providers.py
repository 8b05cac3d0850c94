"""The interface to services that send text messages, and the one of developers, which prints them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, hdrs

from core.text.templates import TextTemplate
from core.work.rules.accounts import Channel

TIMEOUT: Final = ClientTimeout(total=10.0, connect=3.0)
MOST_WAIT: Final = 300.0  # seconds of a Retry-After; codes do not live much longer
# Whose fault it is that a text is not taken: the number gets none; our account or template is not in order; nobody's, for now.
Fault: TypeAlias = Literal["number", "ours", "passing"]
Answer = TypeVar("Answer", bound=msgspec.Struct)


class Text(msgspec.Struct, frozen=True):
    """A text message. `seconds`: how long it is of use; `callback`: the URL that is told what becomes of it, if any."""

    id: UUID
    to: str
    body: str
    template: TextTemplate
    language: str
    values: Mapping[str, str]
    seconds: int
    callback: str


class NotTakenError(Exception):
    """A provider did not take a text. Neither the number nor the text is in it: `code` is the provider's, 0: it gave none."""

    def __init__(self, provider: str, fault: Fault, code: int = 0, status: int = 0, retry_after: float = 0.0) -> None:
        super().__init__(f"{provider} did not take a text: status {status}, code {code}, {fault}")
        self.fault = fault
        self.code = code
        self.retry_after = retry_after


class TextSender(Protocol):
    """Sends text messages."""

    async def send(self, text: Text) -> str:
        """Send one, and return its id at the provider, "" if there is none. Raises NotTakenError."""
        ...


Senders: TypeAlias = Mapping[Channel, TextSender]


class Printer:
    """Prints messages instead of sending them, as `greenroom dev` does with mails."""

    async def send(self, text: Text) -> str:
        """Print one."""
        print(f"\n--- text message to {text.to}\n{text.body}\n---\n", flush=True)
        return ""


@dataclass(frozen=True, slots=True)
class Codes:
    """What the codes of a provider's errors say; all others, but for those that pass, are to be looked into."""

    of_number: frozenset[int]
    passing: frozenset[int]

    def error(self, provider: str, response: ClientResponse, code: int) -> NotTakenError:
        """Return the error that a refusal becomes."""
        status = response.status
        is_passing = code in self.passing or status == 429 or status >= 500
        fault: Fault = "number" if code in self.of_number else "passing" if is_passing else "ours"
        given = response.headers.get(hdrs.RETRY_AFTER, "")
        seconds = float(given) if given.isascii() and given.isdigit() else 0.0
        return NotTakenError(provider, fault, code, status, min(seconds, MOST_WAIT))


async def post(
    provider: str, http: ClientSession, url: str, authorization: str, *, data: object = None, json: object = None
) -> tuple[ClientResponse, bytes]:
    """Post a form or JSON, and return the answer. Raises NotTakenError if there is none."""
    headers = {hdrs.AUTHORIZATION: authorization}
    try:
        async with http.post(url, headers=headers, data=data, json=json, allow_redirects=False) as response:
            return response, await response.read()
    except (ClientError, TimeoutError):
        # From None: the error has the URL in it.
        raise NotTakenError(provider, "passing") from None


def understood(answer: bytes, kind: type[Answer]) -> Answer:
    """Decode an answer, all of whose fields have defaults: what is not understood has these."""
    try:
        return msgspec.json.decode(answer, type=kind)
    except ValueError:
        return kind()
