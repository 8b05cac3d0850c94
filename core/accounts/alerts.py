"""Mails that tell users what was done to their accounts: so they notice what they have not done themselves."""

from uuid import UUID

from core.accounts import emails
from core.base import clock
from core.limits.address import masked
from core.limits.budget import Rate
from core.work import rate_limits as limits
from core.work.context import Ctx
from core.work.jobs import About, MailAlert
from core.work.rate_limits import RateLimitedError

# How many of each kind one mailbox gets. Two kinds, so that logins do not use up what tells of a new password or number.
LOGINS = Rate("alert-login", count=5, seconds=24 * 60 * 60)
PASSWORDS = Rate("alert-password", count=5, seconds=24 * 60 * 60)

# What the User-Agent header of each has in it, the particular ones first: what it says otherwise is no text for a mail.
BROWSERS = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
SYSTEMS = {
    "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows", "Mac OS": "macOS", "Linux": "Linux",
}  # fmt: skip


async def alert(ctx: Ctx, user_id: UUID, email: str | None, about: About) -> MailAlert | None:
    """Return the job that tells a user of it, to be queued with what is done; None: her mailbox has had enough, or is none."""
    if email is None:
        return None
    try:
        await limits.take(ctx, LOGINS if about == "login" else PASSWORDS, emails.canonical(email) or "")
    except RateLimitedError:
        return None
    return MailAlert(str(user_id), about, clock.now(), described(ctx.user_agent), masked(ctx.remote))


def described(user_agent: str) -> str:
    """Return what a device is, in words of our own."""
    browser = next((name for mark, name in BROWSERS.items() if mark in user_agent), "an app or another browser")
    system = next((name for mark, name in SYSTEMS.items() if mark in user_agent), "")
    return f"{browser} on {system}" if system else browser
