"""Phone numbers: which of them get codes, in the one form in which they are stored and compared (E.164)."""

from typing import Final

import msgspec
import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from core.base import errors
from core.platform.tokens import KeyRing
from core.work.rules.accounts import OtpRules

MAX_GIVEN: Final = 64
BLOCK_DIGITS: Final = 4
# Where one cannot tell (US, CA, MX ...) all of them say so.
REACHED: Final = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})


class Number(msgspec.Struct, frozen=True):
    """A number. `country` is its calling code: which region it belongs to, the number alone does not say for certain."""

    e164: str
    country: int

    @property
    def block(self) -> str:
        """The ten thousand numbers around it."""
        return self.e164[:-BLOCK_DIGITS]


def subject(keys: KeyRing, number: str) -> str:
    """Return what limits know a number or a block by, in Redis and in the log: by a plain hash it could be found out."""
    return keys.derive(f"phone\n{number}".encode())[0]


def parsed(given: str, region: str | None) -> Number | None:
    """Return a number in whichever way it is written; None: it is none that gets text messages."""
    if len(given) > MAX_GIVEN:  # before anything else looks at it
        return None
    try:
        number = phonenumbers.parse(given, region)
    except NumberParseException:
        return None
    is_reached = phonenumbers.number_type(number) in REACHED  # which also says that it is valid
    if number.extension or not is_reached:
        return None
    return Number(phonenumbers.format_number(number, PhoneNumberFormat.E164), number.country_code or 0)


def checked(given: str, rules: OtpRules) -> Number:
    """Return a number that codes are sent to; raises VALIDATION_ERROR."""
    number = parsed(given, rules.region)
    if number is None:
        raise errors.invalid("phone", "Must be the number of a mobile phone, as +966512345678")
    if number.country not in rules.calling_codes:
        raise errors.invalid("phone", "Numbers of this country are not served")
    return number
