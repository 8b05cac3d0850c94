"""What providers have in common: who somebody is there, and how a flow gets to know it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

import msgspec

from core.base import errors
from core.platform.outgoing import Fetched, Outgoing, OutgoingError
from core.text.texts import UnfitError, is_visible, line

MAX_SUBJECT = 255
UNNAMED = "New user"
OURS = ("invalid_client", "unauthorized_client", "redirect_uri_mismatch")  # errors that no user can mend

Answer = TypeVar("Answer", bound=msgspec.Struct)

log = logging.getLogger(__name__)


class Refusal(msgspec.Struct, frozen=True):
    """Why a provider refuses: a code (RFC 6749), or an object (Facebook)."""

    error: str | dict[str, object] = ""


class Profile(msgspec.Struct, frozen=True):
    """Somebody, as a provider knows her. `email` is one that it has verified; `hosts_email`: and whose mailbox it runs itself."""

    provider: str
    subject: str
    name: str = ""
    email: str | None = None
    hosts_email: bool = False


class Asked(msgspec.Struct, frozen=True):
    """What a provider is asked for: `verifier`, `challenge` and `nonce` are of one flow, which began at `began_at` (seconds)."""

    redirect_uri: str
    state: str
    nonce: str
    verifier: str
    challenge: str
    began_at: float


class Provider(Protocol):
    """A provider of logins. All of these raise OAUTH_DENIED, OAUTH_TOKEN_INVALID or PROVIDER_UNAVAILABLE."""

    @property
    def name(self) -> str: ...

    @property
    def posts_back(self) -> bool:
        """Whether browsers come back with a form that another site posts, so without cookies that are SameSite=Lax."""

    async def authorize(self, outgoing: Outgoing, asked: Asked) -> str:
        """Return the address at which somebody says who she is."""

    async def by_code(self, outgoing: Outgoing, code: str, asked: Asked, user: str) -> Profile:
        """Return who came back with a code. `user` is what Apple's form says of her; nobody has signed that."""

    async def by_token(self, outgoing: Outgoing, token: str, nonce: str, began_at: float) -> Profile:
        """Return whom the token of an app is of, which asked for it with a nonce of ours."""


def storable_name(name: str) -> str:
    """Return a name as we store it, and another one for what is none."""
    try:
        tidy = line(name[:MAX_SUBJECT])
    except UnfitError:
        return UNNAMED
    return tidy if is_visible(tidy) else UNNAMED


@contextmanager
def asking(provider: str) -> Iterator[None]:
    """Raise PROVIDER_UNAVAILABLE where a provider does not answer as it should."""
    try:
        yield
    except OutgoingError as error:
        log.warning("logins by %s are not possible right now: %s", provider, error)
        raise errors.PROVIDER_UNAVAILABLE.error() from None


def decoded(fetched: Fetched, kind: type[Answer]) -> Answer:
    """Return what an answer of a provider says; raises OutgoingError if it says that something is wrong there.

    What it refuses (a code that is used or not its own) raises OAUTH_DENIED.
    """
    if fetched.status >= 500 or fetched.status == 429:
        raise OutgoingError(f"status {fetched.status}")
    try:
        if fetched.status == 200:
            return msgspec.json.decode(fetched.body, type=kind)
        refusal = msgspec.json.decode(fetched.body, type=Refusal).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise OutgoingError(f"status {fetched.status}, and no JSON that we know") from None
    if refusal in OURS:
        log.error("a login provider does not know our client id or secret: %s", refusal)
    raise errors.OAUTH_DENIED.error()
