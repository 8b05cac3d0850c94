"""The policy of a marketplace: what core's own functions, jobs and the hub must know of it, as one frozen value.

It imports nothing above this floor. Figures that a marketplace does not name are the ones given here.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol, TypeAlias
from uuid import UUID

import msgspec

from core.base.errors import Detail
from core.limits.budget import Rate, Window
from core.platform.db import Db, Scalar
from core.platform.tokens import ACCESS_LIFETIME
from core.text.texts import UnfitError
from core.work.account_rules import ApiKeyRules, OAuthRules, OtpRules, Status
from core.work.notices import Notice
from core.work.personal_data import PersonalData

# Which of these users a user works with, so that one may put the other into a group.
Acquainted: TypeAlias = Callable[[Db, UUID, Sequence[UUID]], Awaitable[set[UUID]]]
# Whether users of these two roles may have a conversation of two.
MayConverse: TypeAlias = Callable[[str, str], bool]


async def nobody(_db: Db, _user_id: UUID, _others: Sequence[UUID]) -> set[UUID]:
    """Say that nobody works with anybody."""
    return set()


def anybody(_role: str, _other: str) -> bool:
    """Say that users of all roles may have a conversation of two."""
    return True


class FilePurpose(Protocol):
    """What files are for, by its name. All of it is `Purpose` of core/files/kinds/purposes.py, which stands above this floor."""

    @property
    def name(self) -> str: ...


class PasswordRules(msgspec.Struct, frozen=True):
    """What a password needs. `kinds`: at least one character of each, by its name."""

    min_length: int = 8
    max_length: int = 128
    kinds: dict[str, Callable[[str], bool]] = {}

    def problems(self, field: str, password: str) -> list[Detail]:
        """Return what a password lacks."""
        problems = []
        if not self.min_length <= len(password) <= self.max_length:
            problems.append(Detail(field, f"Must have {self.min_length} to {self.max_length} characters"))
        password = password[: self.max_length]
        lacking = [kind for kind, fits in self.kinds.items() if not any(map(fits, password))]
        return problems + [Detail(field, f"Must contain {kind}") for kind in lacking]

    def check(self, password: str) -> None:
        """Raise UnfitError with all that a password lacks: for the type of a field."""
        if problems := self.problems("", password):
            raise UnfitError(*(problem.message for problem in problems))


class LoginRates(msgspec.Struct, frozen=True):
    """How many failed logins may come from an address; for an account, from all addresses that its owner has not used; and
    for an account from one device on which it was logged in before, which counts for neither.
    """

    address: Rate = Window("login", count=5, seconds=15 * 60)
    account: Rate = Rate("login-account", count=20, seconds=15 * 60)
    device: Rate = Window("login-device", count=5, seconds=15 * 60)


class MailRates(msgspec.Struct, frozen=True):
    """How many mails of a kind the clients of one address may have sent, and how many one mailbox gets."""

    address: Rate
    mailbox: Rate


# Mails that the clients of one address have sent to any mailbox: as many as may sign up there.
MAILS = Rate("mails", count=100, seconds=60 * 60)


def mails(kind: str) -> MailRates:
    """Return the usual rates of a kind of mails."""
    return MailRates(MAILS, Rate(kind, count=3, seconds=60 * 60))


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one marketplace.

    Calls are limited by `per_user`; those without a login by `per_holder` if they show a token of ours (api/shown.py), else for
    their address: by `per_address` what is read and calls whose token is not valid, by `per_address_changes` all else.
    What sends something to others pays from `messages`, by weights (core/limits/weights.py).

    `welcome` has a bucket of its own: otherwise the mails that are left to ask for would tell that somebody has just signed up.
    `still_so`, by type of notification: whether it is still true for the entity ($1) and the user ($2) that it names. Asked when
    a mail or push leaves.
    `seals_messages`: the words of messages are stored nowhere beside them, so there is no search in them.
    """

    name: str
    title: str
    roles: frozenset[str] = frozenset()
    passwords: PasswordRules = PasswordRules()
    initial_status: Status = "active"  # of who signs up with an e-mail address
    otp: OtpRules | None = None
    oauth: OAuthRules | None = None
    api_keys: ApiKeyRules | None = None
    access_lifetime: timedelta = ACCESS_LIFETIME
    issuer: str = ""  # of access tokens: their `iss`, if any
    audience: str = ""  # likewise `aud`
    acquainted: Acquainted = nobody
    may_converse: MayConverse = anybody
    purposes: tuple[FilePurpose, ...] = ()
    notices: tuple[Notice, ...] = ()
    still_so: Mapping[str, Scalar[bool]] = msgspec.field(default_factory=dict[str, Scalar[bool]])
    personal_data: tuple[PersonalData, ...] = ()
    feed_path: str = "/api/calendar.ics"  # of the calls for calendar programs
    code_link: str = "{url}/#{page}={code}"  # where a mailed code leads: a page of the site at `url`
    seals_messages: bool = False

    # Several people may share one address: reading there, or trying tokens, leaves them what they need to log in, and who shows
    # a token of ours needs none of it.
    per_user: Rate = Rate("user", count=100, seconds=60)
    per_holder: Rate = Rate("holder", count=100, seconds=60)
    per_address: Rate = Rate("address", count=300, seconds=60)
    per_address_changes: Rate = Rate("address-changes", count=300, seconds=60)
    messages: Rate = Rate("messages", count=30, seconds=30)
    uploads: Rate = Rate("uploads", count=10, seconds=60 * 60)
    exports: Rate = Rate("export", count=5, seconds=60 * 60)

    login: LoginRates = LoginRates()
    # A school class or an event behind one address gets through. Each hashes once and mails once.
    sign_ups: Rate = Rate("sign-up", count=100, seconds=60 * 60)
    # Wrong codes, of mails, that come from one address.
    codes: Rate = Window("codes", count=20, seconds=15 * 60)
    password_change: Rate = Window("password-change", count=5, seconds=15 * 60)
    welcome: MailRates = mails("welcome")
    verification: MailRates = mails("verification")
    password_reset: MailRates = mails("password-reset")
    email_change: MailRates = mails("email-change")

    def link_of(self, url: str, page: str, code: str) -> str:
        """Return the link of a mail to the page of the site at `url` that takes a code."""
        return self.code_link.format(url=url, page=page, code=code)
