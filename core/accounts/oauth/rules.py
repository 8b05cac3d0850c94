"""What a marketplace says about logins by a provider."""

from dataclasses import dataclass

from core.limits.budget import Rate, Window
from core.work.account_rules import Status

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
    status: Status = "active"  # of a new account
    # Whether a provider that hosts an address logs in to the account that has it, if that is verified; else its user links it.
    links_by_email: bool = True
    # Of an address: logins that are begun, and those that come back and fail.
    begins: Rate = BEGINS
    failures: Rate = FAILURES
    sign_ups: Rate = SIGN_UPS
