"""E-mail addresses: what is one, and the one form in which two spellings of it are the same.

That form is the subject of limits and the key of accounts. It is made here and nowhere else: `lower()` of Python and of
Postgres differ beyond ASCII, and Postgres's depends on the database's locale (a Turkish one has a dotless i). Domains are kept in
the ASCII form that DNS and mail servers know, in whichever their user types them (bücher.example is xn--bcher-kva.example).
"""

import re
from contextlib import suppress
from typing import Annotated

import idna
from msgspec import Meta

from core.base import errors
from core.base.errors import Detail
from core.text.texts import UnfitError
from core.work import rate_limits as limits
from core.work.context import Ctx
from core.work.policy import MailRates

# The addr-spec of RFC 5322 without quoted names, comments and bare host names, in ASCII: what people have as an address today.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")
MAX_EMAIL = 254
INVALID = "Invalid email format"


def _tidied(given: str) -> str:
    email = trimmed(given)
    if email is None:
        raise UnfitError(INVALID)
    return email


# The address of somebody who signs up; where an address only says who somebody is, any text may come: it is nobody's.
Email = Annotated[str, Meta(max_length=1024, extra={"rule": _tidied})]


def trimmed(given: str) -> str | None:
    """Return an address as its user writes it, without blanks around it and its domain in ASCII; None: it is none."""
    if len(given) > MAX_EMAIL:  # before anything else looks at it
        return None
    name, at, domain = given.strip().rpartition("@")
    if not domain.isascii():
        with suppress(UnicodeError):
            domain = idna.encode(domain, uts46=True).decode()
    email = f"{name}{at}{domain}"
    return email if len(email) <= MAX_EMAIL and _EMAIL.fullmatch(email) else None


def canonical(given: str) -> str | None:
    """Return the form in which addresses are compared, what `lower(email collate "C")` is in SQL; None: it is no address."""
    email = trimmed(given)
    return email and email.lower()  # of ASCII only, so every lower() there is agrees


def mailbox(given: str) -> str:
    """Return whose limits of mails an address counts for: most servers put `ann+anything` into the mailbox of `ann`."""
    name, at, domain = (canonical(given) or "").rpartition("@")
    return f"{name.partition('+')[0] or name}{at}{domain}"


def checked(given: str) -> str:
    """Return an address as its user writes it; raises VALIDATION_ERROR."""
    email = trimmed(given)
    if email is None:
        raise errors.VALIDATION_ERROR.error(details=problems(given))
    return email


def problems(given: str) -> list[Detail]:
    """Return what is wrong with an address."""
    return [] if trimmed(given) else [Detail("email", INVALID)]


async def take_mail(ctx: Ctx, email: str, rates: MailRates, *others: str) -> None:
    """Count a mail to an address, and one to each of `others`, whether there is an account or not; raises RATE_LIMITED."""
    mailboxes = [(rates.mailbox, mailbox(one)) for one in (email, *others)]
    await limits.take_all(ctx, *[(rates.address, ctx.remote)] * len(mailboxes), *mailboxes)
