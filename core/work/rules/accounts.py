"""What a marketplace decides about accounts beside their passwords."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import accumulate
from typing import Final, Literal, TypeAlias

from core.limits.budget import Rate, Window
from core.text.templates import CODE, TextTemplate

Channel: TypeAlias = Literal["sms", "whatsapp"]
Status: TypeAlias = Literal["active", "pending", "suspended", "banned"]  # see core/accounts/status/states.py

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

# Seconds until a number gets the next code, and the one after it: they grow, and begin anew when nobody has asked for a while.
WAITS: Final = (60, 120, 240, 480)
RESENDS: Final = tuple(Window(f"otp-resend-{n}", n, seconds) for n, seconds in enumerate(accumulate(WAITS), 1))


@dataclass(frozen=True)
class TextRules:
    """What is texted, and how.

    `channels`: in the order in which they are tried, the next one when a text was not taken, has failed, or was not delivered
    within `patience`, which is less than the wait for the next code. `code`: the text of codes; `templates`: all others.
    `callback`: the path of the call that takes the delivery states of SMS; "": they are not asked for. `a_day`: texts of the
    market, those with codes and others apart.
    """

    channels: tuple[Channel, ...] = ("sms",)
    patience: timedelta = timedelta(seconds=45)
    code: TextTemplate = CODE
    templates: tuple[TextTemplate, ...] = ()
    callback: str = ""
    a_day: Rate = field(default=Rate("texts", count=10_000, seconds=DAY))

    def problems(self, title: str) -> Iterator[str]:
        """Yield what is wrong with the texts of a market with this title."""
        yield from self.code.problems({"code": "0" * 6, "title": title, "minutes": "10"}, most_parts=1)
        for template in self.templates:
            yield from template.problems()
        names = [one.name for one in (self.code, *self.templates)]
        if len(set(names)) < len(names):
            yield "texts: two have the same name"
        if self.patience.total_seconds() >= WAITS[0]:
            yield "texts: a further channel would bring a code that the next one has replaced by then"
        if "sms" not in self.channels:
            yield from (
                f"text {one.name!r}: has no channel" for one in (self.code, *self.templates) if not one.whatsapp
            )
        if "sms" in self.channels[:-1] and not self.callback:
            yield "texts: without a callback nobody learns that an SMS has failed, so that another channel is tried"


@dataclass(frozen=True)
class OtpRules:
    """Where codes are sent, and how many: each costs money, and who pumps messages shares what they cost (SMS pumping).

    `calling_codes`: the countries that are served (966: Saudi Arabia); `region`: of numbers that are typed without one (SA).
    `signs_up`: whether somebody without an account gets a code. How many codes one number
    gets (besides the waits between them), the ten thousand numbers that differ in their last four digits only, the clients of one
    address, a country; how many wrong codes may come from one address. For one number the tries of
    its codes are few enough, so nobody locks its owner out.
    """

    calling_codes: frozenset[int]
    region: str | None = None
    texts: TextRules = field(default=TextRules())
    signs_up: bool = True
    number: Window = field(default=Window("otp-number", count=10, seconds=DAY))
    block: Rate = field(default=Rate("otp-block", count=30, seconds=HOUR))
    address: Rate = field(default=Rate("otp-address", count=50, seconds=HOUR))
    country: Rate = field(default=Rate("otp-country", count=1000, seconds=HOUR))
    wrong_of_address: Window = field(default=Window("otp-wrong-address", count=20, seconds=15 * MINUTE))


# A class or an event behind one address gets through.
BEGINS = Rate("oauth-begin", 200, 60 * 60)
FAILURES = Window("oauth", 20, 15 * 60)
SIGN_UPS = Rate("oauth-sign-up", 100, 60 * 60)


@dataclass(frozen=True, slots=True)
class OAuthRules:
    """Which providers there are, who may sign up by one, where browsers come back to, and how often all of it may be tried.

    `callback` is the path of the call that providers send browsers to, `page` that of the page which they end on.
    """

    providers: frozenset[str]
    callback: str = "/api/auth/oauth/{provider}/callback"
    page: str = "/"
    # What newcomers may sign up as; nothing: only those log in who have linked the provider before.
    roles: frozenset[str] = frozenset()
    # Whether a provider that hosts an address logs in to the account that has it, if that is verified; else its user links it.
    links_by_email: bool = True
    # Of an address: logins that are begun, and those that come back and fail.
    begins: Rate = BEGINS
    failures: Rate = FAILURES
    sign_ups: Rate = SIGN_UPS


CALLS = Rate("api-key", 600, 60)


@dataclass(frozen=True, slots=True)
class ApiKeyRules:
    """What a marketplace says about keys. `calls` is of one key."""

    prefix: str
    scopes: frozenset[str]
    most: int = 20  # of a user
    longest: timedelta = timedelta(days=365)
    overlap: timedelta = timedelta(days=1)  # for which a rotated key goes on, unless less is asked for
    calls: Rate = CALLS
