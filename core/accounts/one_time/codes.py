"""One-time codes: six digits that people type, so they can be guessed: each takes a few tries, and is good for some minutes.

One for each purpose, subject and user: a new one replaces it. Stored is a hash with a key, since a million codes are soon hashed.
"""

import hmac
import secrets
from datetime import timedelta
from typing import Final
from unicodedata import decimal
from uuid import UUID

import msgspec

from core.accounts.contacts import phone_of
from core.base import clock, errors
from core.platform.db import Connection, Run, Scalar
from core.platform.tokens import KeyRing
from core.work.context import Ctx
from core.work.personal_data import PersonalData, rows_of

DIGITS: Final = 6
TRIES: Final = 5
LIFETIME: Final = timedelta(minutes=10)
MAX_TYPED: Final = 32


class Use(msgspec.Struct, frozen=True):
    """What a code is for: one purpose, for a subject (a phone number), and, if `user_id` says so, for that user alone."""

    market: str
    purpose: str
    subject: str
    user_id: UUID | None = None

    def args(self) -> tuple[str, str, str, UUID | None]:
        """Return what finds its row."""
        return self.market, self.purpose, self.subject, self.user_id


_IT = "market = $1 and purpose = $2 and subject = $3 and user_id is not distinct from $4"
STORE = Run(
    """
    insert into one_time_codes (market, purpose, subject, user_id, hash, expires_at) values ($1, $2, $3, $4, $5, $6)
    on conflict (market, purpose, subject, user_id) do update
    set hash = excluded.hash, tries = 0, expires_at = excluded.expires_at"""
)
TRY = Scalar(
    bytes,
    f"update one_time_codes set tries = tries + 1 where {_IT} and expires_at > $5 and tries < $6 returning hash",  # noqa: S608
)
USE = Run(f"delete from one_time_codes where {_IT} and hash = $5")  # noqa: S608
FORGET = Run(
    """
    delete from one_time_codes where (market, purpose, subject, hash) in (
        select market, purpose, subject, hash from one_time_codes
        where expires_at < $1 order by expires_at limit $2 for update skip locked
    )"""
)
# Codes that were sent to a user ($1), or to her number.
_PHONE_CODES = "user_id = $1 or (market, subject) = (select market, phone from users where id = $1)"
PERSONAL_DATA = PersonalData(
    "phone codes",
    frozenset({"one_time_codes"}),
    rows_of(
        f"""
        select c.purpose, case when c.subject = u.phone then {phone_of("u")} else c.subject end as phone, c.expires_at, c.tries
        from one_time_codes c join users u on u.id = $1
        where c.user_id = u.id or (c.market, c.subject) = (u.market, u.phone)"""  # noqa: S608
    ),
    (Run(f"delete from one_time_codes where {_PHONE_CODES}"),),  # noqa: S608
)


async def issue(keys: KeyRing, db: Connection, use: Use) -> str:
    """Store a new code in place of the one before, and return what is sent."""
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    await STORE(db, *use.args(), _hashes(keys, use, code)[0], clock.now() + LIFETIME)
    return code


async def check(ctx: Ctx, use: Use, typed: str) -> bytes:
    """Return the hash of a code, by which `consume` uses it up, if that is what was typed; raises INVALID_CODE."""
    code = digits(typed)
    if code is None:
        raise errors.INVALID_CODE.error()
    # Not in the transaction of the call: a try counts whatever becomes of that.
    stored = await TRY(ctx.resources.db, *use.args(), clock.now(), TRIES)
    fits = [hmac.compare_digest(stored or b"", one) for one in _hashes(ctx.resources.keys, use, code)]
    if stored is None or not any(fits):
        raise errors.INVALID_CODE.error()
    return stored


async def consume(db: Connection, use: Use, hash: bytes) -> None:
    """Use a code up that was checked; raises INVALID_CODE if that was done meanwhile, or another one has replaced it."""
    if not await USE(db, *use.args(), hash):
        raise errors.INVALID_CODE.error()


def digits(typed: str) -> str | None:
    """Return a code as it was typed, in the digits of any script, with blanks or dashes in it; None: it is no code."""
    if len(typed) > MAX_TYPED:
        return None
    values = [decimal(letter, None) for letter in typed if not letter.isspace() and letter != "-"]
    if len(values) != DIGITS or None in values:
        return None
    return "".join(map(str, values))


def _hashes(keys: KeyRing, use: Use, code: str) -> list[bytes]:
    """Return the hash of a code by each key, the signer's first: a code outlives a change of keys."""
    name = "\n".join(["one-time code", use.market, use.purpose, use.subject, str(use.user_id), code])
    return [one.encode() for one in keys.derive(name.encode())]
