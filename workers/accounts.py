"""Mails about accounts: codes to enter, and reports of changes."""

from datetime import timedelta
from uuid import UUID

import msgspec

from core.accounts import emails
from core.accounts.contacts import EMAIL, forms
from core.accounts.identity import RESET, USER_BY_EMAIL, USER_BY_ID, VERIFY, Known
from core.accounts.one_time import tokens
from core.base import clock
from core.platform.db import transaction
from core.work.context import Resources
from core.work.jobs import About, MailAlert, MailCode, MailUser, MailVerification
from marketplaces import policy_of


class Code(msgspec.Struct, frozen=True):
    """A mailed code: its lifetime, the page that takes it, and the text of the mail."""

    lifetime: timedelta
    page: str
    subject: str
    text: str


CODES = {
    RESET: Code(
        timedelta(hours=1),
        "reset",
        "Your new password at {title}",
        """Someone, hopefully you, asked for a new password at {title}.

Choose it here, within the hour:
{link}

Or enter this code:
{token}

If it was not you, do nothing: your password stays as it is.
""",
    ),
    VERIFY: Code(
        timedelta(days=7),
        "verify",
        "Your address at {title}",
        """Welcome to {title}.

Please confirm that this address is yours, within a week:
{link}

Or enter this code:
{token}

If you have no account there, do nothing: someone has mistyped an address.
""",
    ),
}
ALERTS: dict[About, tuple[str, str]] = {
    "login": ("New login at {title}", "Somebody, hopefully you, has logged in to your account at {title}."),
    "password changed": (
        "Your password at {title} was changed",
        "The password of your account at {title} was changed.",
    ),
    "password reset": (
        "Your password at {title} was changed",
        "The password of your account at {title} was set anew, with a code that was mailed to you.",
    ),
    "phone confirmed": (
        "A phone number of your account at {title}",
        "Your account at {title} has a phone number now, or another one, and whoever has that phone can log in with it.",
    ),
}
ALERT_TEXT = """{what}

When: {at:%d %B %Y, %H:%M} UTC
Where: {device}, network {network}

If it was you, there is nothing to do. If not, ask for a new password now (\"Forgot password\"): that ends all logins.
{link}
"""


async def mail_code(resources: Resources, job: MailCode) -> None:
    """Mail a code to the user with this address, if there is one who can use it."""
    known_as = forms(resources.sealing, policy_of(job.market), EMAIL, emails.canonical(job.email))
    user = await USER_BY_EMAIL(resources.db, job.market, known_as)
    if user and not (job.purpose == VERIFY and user.is_verified):
        await _send_code(resources, user, job.purpose)


async def mail_verification(resources: Resources, job: MailVerification) -> None:
    """Mail a new user the code that verifies the address, unless the account has been deleted."""
    user = await USER_BY_ID(resources.db, UUID(job.user_id))
    if user and not user.is_verified:
        await _send_code(resources, user, VERIFY)


async def mail_alert(resources: Resources, job: MailAlert) -> None:
    """Mail a user about an event on the account, unless it has been deleted."""
    user = await USER_BY_ID(resources.db, UUID(job.user_id))
    if user is None:
        return
    title = policy_of(user.market).title
    subject, what = (text.format(title=title) for text in ALERTS[job.about])
    network = job.network or "unknown"
    link = resources.settings.public_url
    text = ALERT_TEXT.format(what=what, at=job.at, device=job.device, network=network, link=link)
    await resources.jobs.enqueue(MailUser(str(user.id), subject, text))


async def _send_code(resources: Resources, user: Known, purpose: str) -> None:
    code, policy = CODES[purpose], policy_of(user.market)
    # Queued before the commit: if Redis is unreachable, nothing is stored, and the job is retried.
    async with transaction(resources.db) as db:
        token = await tokens.issue(db, user.id, purpose, clock.now() + code.lifetime)
        link = policy.link_of(resources.settings.public_url, code.page, token)
        text = code.text.format(title=policy.title, link=link, token=token)
        await resources.jobs.enqueue(MailUser(str(user.id), code.subject.format(title=policy.title), text))
