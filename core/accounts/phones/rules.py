"""What a marketplace decides about phone numbers and the codes that are sent to them."""

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from core.accounts.status.states import Status
from core.limits.budget import Rate, Window

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

# Seconds until a number gets the next code, and the one after it: they grow, and begin anew when nobody has asked for a while.
WAITS: Final = (60, 120, 240, 480)
RESENDS: Final = tuple(Window(f"otp-resend-{n}", n, seconds) for n, seconds in enumerate(accumulate(WAITS), 1))


@dataclass(frozen=True)
class OtpRules:
    """Where codes are sent, and how many: each costs money, and who pumps messages shares what they cost (SMS pumping).

    `calling_codes`: the countries that are served (966: Saudi Arabia); `region`: of numbers that are typed without one (SA).
    `signs_up`: whether somebody without an account gets a code, and a new account has which `status`. How many codes one number
    gets (besides the waits between them), the ten thousand numbers that differ in their last four digits only, the clients of one
    address, a country; how many wrong codes may come from one address. For one number those of its codes are few enough: so
    nobody locks its owner out by wrong ones.
    """

    calling_codes: frozenset[int]
    region: str | None = None
    signs_up: bool = True
    status: Status = "active"
    number: Window = field(default=Window("otp-number", count=10, seconds=DAY))
    block: Rate = field(default=Rate("otp-block", count=30, seconds=HOUR))
    address: Rate = field(default=Rate("otp-address", count=50, seconds=HOUR))
    country: Rate = field(default=Rate("otp-country", count=1000, seconds=HOUR))
    wrong_of_address: Window = field(default=Window("otp-wrong-address", count=20, seconds=15 * MINUTE))
