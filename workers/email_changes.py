"""Mails about a change of e-mail: to both addresses when it is requested, and to the old one when it is done."""

from uuid import UUID

from config.settings import Settings
from core.accounts import emails
from core.accounts.contacts import EMAIL, forms
from core.accounts.email_changes import ADDRESS, CANCEL, HOLD_PENDING, MARKET_OF, NEW, OLD, PURPOSES, Pending, Purpose
from core.accounts.identity import USER_BY_EMAIL
from core.accounts.one_time import tokens
from core.base import clock
from core.platform.db import Connection, transaction
from core.work.context import Resources
from core.work.jobs import MailAddress, MailEmailChange, SendMail
from marketplaces import policy_of
from workers.mail import send_mail

# The pages that take the codes.
PAGES: dict[Purpose, str] = {OLD: "email", NEW: "email", CANCEL: "keep-email"}
ASKED = "A new address for your account at {title}"
TO_OLD = """Someone, hopefully you, wants your account at {title} to have another e-mail address: {email}

When: {at:%d %B %Y, %H:%M} UTC
Where: {device}, network {network}

If it was you, confirm it here, until {until:%d %B %Y, %H:%M} UTC. The new address is asked to do the same:
{confirm_link}

Or enter this code:
{confirm}

If it was not you, keep your address:
{cancel_link}

Or enter this code:
{cancel}

Then choose a new password ("Forgot password"): that ends all logins.
"""
TO_NEW = """Someone, hopefully you, wants this to be the e-mail address of an account at {title}.

Confirm it here, until {until:%d %B %Y, %H:%M} UTC. The account's present address is asked to do the same:
{confirm_link}

Or enter this code:
{confirm}

If it was not you, do nothing: someone has mistyped an address.
"""
TO_TAKEN = """Someone, hopefully you, wants this to be the e-mail address of an account at {title}.
But there is another account with this address.

If it was you, log in to that account, or ask for a new password for it ("Forgot password"):
{link}

If it was not you, do nothing: your account stays as it is.
"""
DONE = "The address of your account at {title} was changed"
DONE_TEXT = """Your account at {title} has another e-mail address now. No mails about it will come to this one any more.

When: {at:%d %B %Y, %H:%M} UTC
Where: {device}, network {network}

Both addresses had confirmed it. If it was not you, secure your mailbox with a new password, and turn to those who run {title}:
{link}
"""


async def mail_email_change(resources: Resources, job: MailEmailChange) -> None:
    """Send the mails of a change of e-mail, unless it has been cancelled, or the account deleted."""
    if job.about == "done":
        await _mail_done(resources, job)
        return
    # Queued before the commit: if Redis is unreachable, nothing is stored, and the job is retried.
    async with transaction(resources.db) as db:
        if change := await HOLD_PENDING(db, UUID(job.change_id), clock.now()):
            for mail in await _questions(resources, db, job, change):
                await resources.jobs.enqueue(mail)


async def mail_address(settings: Settings, resources: Resources, mail: MailAddress) -> None:
    """Send one mail to an address of a change, unless it has been cancelled, or the account erased; raises as `send` does."""
    if address := await ADDRESS(resources.db, UUID(mail.change_id), mail.to):
        await send_mail(settings, SendMail(resources.sealing.open(address), mail.subject, mail.text))


async def _questions(resources: Resources, db: Connection, job: MailEmailChange, change: Pending) -> list[MailAddress]:
    """Return the mails that ask both addresses, or the new one where there is no other, once their codes are stored."""
    url, policy = resources.settings.public_url, policy_of(change.market)
    title = policy.title
    change = resources.sealing.opened(resources.sealing.opened([change], "old_email"), "new_email")[0]
    known_as = forms(resources.sealing, policy, EMAIL, emails.canonical(change.new_email))
    is_taken = await USER_BY_EMAIL(db, change.market, known_as)
    is_asked = {OLD: bool(change.old_email), CANCEL: bool(change.old_email), NEW: not is_taken}
    codes = {
        purpose: await tokens.issue(db, change.user_id, purpose, change.expires_at)
        for purpose in PURPOSES
        if is_asked[purpose]
    }
    links = {purpose: policy.link_of(url, PAGES[purpose], token) for purpose, token in codes.items()}
    subject = ASKED.format(title=title)
    to_new = (
        TO_TAKEN.format(title=title, link=url)
        if is_taken
        else TO_NEW.format(title=title, until=change.expires_at, confirm=codes[NEW], confirm_link=links[NEW])
    )
    mails = [MailAddress(job.change_id, "new", subject, to_new)]
    if change.old_email:
        to_old = TO_OLD.format(
            title=title, email=change.new_email, at=job.at, device=job.device, network=job.network or "unknown",
            until=change.expires_at, confirm=codes[OLD], confirm_link=links[OLD], cancel=codes[CANCEL],
            cancel_link=links[CANCEL],
        )  # fmt: skip
        mails.insert(0, MailAddress(job.change_id, "old", subject, to_old))
    return mails


async def _mail_done(resources: Resources, job: MailEmailChange) -> None:
    market = await MARKET_OF(resources.db, UUID(job.change_id))
    if market is None:
        return
    title, link, network = policy_of(market).title, resources.settings.public_url, job.network or "unknown"
    text = DONE_TEXT.format(title=title, at=job.at, device=job.device, network=network, link=link)
    await resources.jobs.enqueue(MailAddress(job.change_id, "old", DONE.format(title=title), text))
