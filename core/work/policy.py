"""The policy of a marketplace: all that core's functions, jobs and the hub need to know of it, as one frozen value.

It imports nothing above this floor. The defaults of all figures are here.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol, TypeAlias
from uuid import UUID

import msgspec

from core.base.errors import Detail
from core.limits.budget import Rate, Window
from core.limits.quotas import Quota
from core.platform.db import Connection, Db, Scalar
from core.platform.sealing.columns import Column
from core.platform.tokens import ACCESS_LIFETIME, REFRESH_LIFETIME
from core.text.texts import UnfitError
from core.work.notices import Notice
from core.work.personal_data import PersonalData
from core.work.rules.accounts import ApiKeyRules, OAuthRules, OtpRules, Status
from core.work.rules.ledger import LedgerRules
from core.work.rules.support import SupportRules
from core.work.rules.webhooks import WebhookRules

# Returns those of these users who work with a user, and whom the user may add to a group without an invitation.
Acquainted: TypeAlias = Callable[[Db, UUID, Sequence[UUID]], Awaitable[set[UUID]]]
# Stores what a marketplace keeps of a new user (id, role) beside the account, in the transaction that stores the account.
Joined: TypeAlias = Callable[[Connection, UUID, str], Awaitable[None]]
# Whether users of these two roles may have a conversation of two.
MayConverse: TypeAlias = Callable[[str, str], bool]


async def nobody(_db: Db, _user_id: UUID, _others: Sequence[UUID]) -> set[UUID]:
    """Return no users: the default of a marketplace in which users do not work with each other."""
    return set()


async def nothing(_db: Connection, _user_id: UUID, _role: str) -> None:
    """Store nothing: the default of a marketplace that keeps nothing beside an account."""


def anybody(_role: str, _other: str) -> bool:
    """Allow conversations of two between all roles."""
    return True


class Named(Protocol):
    """Rules of a capability above this floor, by their name: `Purpose` of files, `ReviewKind`, `Kind` of verifications."""

    @property
    def name(self) -> str: ...


class PaymentPolicy(Protocol):
    """Who takes the money. The rest is in `PaymentRules` of core/payments/checkout/rules.py, above this floor."""

    @property
    def provider(self) -> str: ...


class PasswordRules(msgspec.Struct, frozen=True):
    """The rules for passwords. `kinds`: sets of characters by name; a password needs at least one of each."""

    min_length: int = 8
    max_length: int = 128
    kinds: dict[str, Callable[[str], bool]] = {}

    def problems(self, field: str, password: str) -> list[Detail]:
        """Return the rules that a password does not meet."""
        problems = []
        if not self.min_length <= len(password) <= self.max_length:
            problems.append(Detail(field, f"Must have {self.min_length} to {self.max_length} characters"))
        password = password[: self.max_length]
        lacking = [kind for kind, fits in self.kinds.items() if not any(map(fits, password))]
        return problems + [Detail(field, f"Must contain {kind}") for kind in lacking]

    def check(self, password: object) -> None:
        """Raise UnfitError with all that a password lacks: for the type of a field."""
        if problems := self.problems("", str(password)):
            raise UnfitError(*(problem.message for problem in problems))


class LoginRates(msgspec.Struct, frozen=True):
    """Limits on failed logins: per address; per account, from all addresses that its owner has not used; and per account and
    known device, whose failures do not count towards the other two.
    """

    address: Rate = Window("login", count=5, seconds=15 * 60)
    account: Rate = Rate("login-account", count=20, seconds=15 * 60)
    device: Rate = Window("login-device", count=5, seconds=15 * 60)


class MailRates(msgspec.Struct, frozen=True):
    """Limits on mails of one kind: those requested from one address, and those sent to one mailbox."""

    address: Rate
    mailbox: Rate


# Mails requested from one address, to any mailbox: as many as sign-ups are allowed there.
MAILS = Rate("mails", count=100, seconds=60 * 60)


def mails(kind: str) -> MailRates:
    """Return the usual rates of a kind of mails."""
    return MailRates(MAILS, Rate(kind, count=3, seconds=60 * 60))


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one marketplace.

    Calls with a login are limited by `per_user`; without one by `per_holder` if they present a token of ours (api/shown.py), else
    by address: reads and calls with an invalid token by `per_address`, all others by `per_address_changes`.
    Calls that send something to others are charged to `messages`, by weights (core/limits/weights.py).

    `welcome` has its own bucket: in a shared one, the remaining allowance would reveal that somebody has just signed up.
    `still_so`, by type of notification: a query whether it still applies to the entity ($1) and the user ($2). Run when a mail
    or push is sent.
    `seals_messages`: messages are encrypted at rest (docs/operate/sealing.md); no index of their words is stored, so they cannot
    be searched. `seals_contacts`: likewise e-mail addresses and phone numbers of users, which are found by blind index.
    `sealed_columns`: of its own tables (own_column), which it seals and opens itself (`Ctx.sealed`).
    """

    name: str
    title: str
    roles: frozenset[str] = frozenset()
    staff_roles: frozenset[str] = frozenset()  # likewise of users, but nobody signs up with one
    passwords: PasswordRules = PasswordRules()
    initial_status: Status = "active"  # of a new account
    joined: Joined = nothing  # called for each new account, whatever it is made with: an address, a phone, a provider
    otp: OtpRules | None = None
    oauth: OAuthRules | None = None
    api_keys: ApiKeyRules | None = None
    support: SupportRules | None = None
    quotas: tuple[Quota, ...] = ()
    webhooks: WebhookRules | None = None
    broadcasts: frozenset[str] = frozenset()  # the kinds that operators may send: see core/broadcasts.py
    ledger: LedgerRules | None = None
    payments: PaymentPolicy | None = None
    access_lifetime: timedelta = ACCESS_LIFETIME
    refresh_lifetime: timedelta = REFRESH_LIFETIME  # a session ends that has not been used for so long
    issuer: str = ""  # of access tokens: their `iss`, if any
    audience: str = ""  # likewise `aud`
    acquainted: Acquainted = nobody
    may_converse: MayConverse = anybody
    purposes: tuple[Named, ...] = ()
    review_kinds: tuple[Named, ...] = ()
    verifications: tuple[Named, ...] = ()
    notices: tuple[Notice, ...] = ()
    still_so: Mapping[str, Scalar[bool]] = msgspec.field(default_factory=dict[str, Scalar[bool]])
    personal_data: tuple[PersonalData, ...] = ()
    feed_path: str = "/api/calendar.ics"  # of the feed for calendar programs
    code_link: str = "{url}/#{page}={code}"  # where a mailed code leads: a page of the site at `url`
    seals_messages: bool = False
    seals_contacts: bool = False
    sealed_columns: tuple[Column, ...] = ()

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

    @property
    def seals(self) -> bool:
        """Whether anything is encrypted at rest."""
        return self.seals_messages or self.seals_contacts or bool(self.sealed_columns)

    @property
    def checks(self) -> dict[str, Callable[[object], None]]:
        """What types of fields leave to their marketplace (`market` in core/text/fields.py)."""
        return {"password": self.passwords.check, "role": self._check_role}

    def _check_role(self, role: object) -> None:
        if role not in self.roles:
            raise UnfitError(f"Must be one of: {', '.join(sorted(self.roles))}")

    def link_of(self, url: str, page: str, code: str) -> str:
        """Return the link of a mail to the page of the site at `url` that takes a code."""
        return self.code_link.format(url=url, page=page, code=code)
