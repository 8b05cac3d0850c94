"""Amounts of money: integers of the currency's minor unit, never floats."""

import re
from collections.abc import Mapping
from typing import Final

from core.base import errors

MOST: Final = 4 * 10**18  # of one amount or balance, as in the schema: two of them fit into a bigint
_TWO: Final = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK
    DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD
    KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP
    PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH
    USD UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"""
_NONE: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE: Final = "BHD IQD JOD KWD LYD OMR TND"
# ISO 4217. Providers differ (Stripe counts MGA in whole units, ISK in hundredths): each driver brings a table of its own.
DECIMALS: Final[Mapping[str, int]] = {
    **dict.fromkeys(_TWO.split(), 2), **dict.fromkeys(_NONE.split(), 0), **dict.fromkeys(_THREE.split(), 3),
    "CLF": 4, "UYW": 4,
}  # fmt: skip
_NUMBER: Final = re.compile(r"(-?)([0-9]{1,19})(?:\.([0-9]{1,4}))?")


def formatted(amount: int, currency: str, decimals: Mapping[str, int] = DECIMALS) -> str:
    """Return an amount in the currency's main unit, as "-12.50"; raises VALIDATION_ERROR for an unknown currency."""
    places = places_of(currency, decimals)
    digits = f"{abs(amount):0{places + 1}d}"
    point = len(digits) - places
    return "-" * (amount < 0) + digits[:point] + "." * (places > 0) + digits[point:]


def parsed(text: str, currency: str, decimals: Mapping[str, int] = DECIMALS) -> int:
    """Return "12.5" in minor units; raises VALIDATION_ERROR: no number, more decimals than the currency has, too large."""
    match, places = _NUMBER.fullmatch(text), places_of(currency, decimals)
    if match is None or len(match[3] or "") > places:
        raise errors.invalid("amount", f"Must be a number with at most {places} decimals")
    amount = int(match[2] + (match[3] or "").ljust(places, "0"))
    if amount > MOST:
        raise errors.invalid("amount", "Is too large")
    return -amount if match[1] else amount


def places_of(currency: str, decimals: Mapping[str, int] = DECIMALS) -> int:
    """Return how many decimals a currency has; raises VALIDATION_ERROR if it is not in the table."""
    if currency not in decimals:
        raise errors.invalid("currency", "Must be the code of a currency, as USD")
    return decimals[currency]
