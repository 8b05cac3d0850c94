"""Text messages with codes, to phones that log in, sign up or are confirmed."""

from uuid import UUID

from core.accounts.contacts import PHONE, forms
from core.accounts.identity import USER_BY_ID
from core.accounts.one_time import codes
from core.accounts.one_time.codes import Use
from core.accounts.phones.accounts import BY_PHONE
from core.base import clock
from core.platform.db import transaction
from core.work.context import Resources
from core.work.jobs import SendText, TextCode
from marketplaces import policy_of
from workers.sms import SmsSender

# Latin letters, so that it is one message: 160 of them, but 70 as soon as one letter is in another script.
TEXT = "{code} is your code for {title}. It is good for {minutes} minutes. Never tell it to anybody."


async def text_code(resources: Resources, job: TextCode) -> None:
    """Send a code to a phone, if it is of use to whoever has it."""
    if not await _is_wanted(resources, job):
        return
    subject = forms(resources.sealing, policy_of(job.market), PHONE, job.phone)[0]
    use = Use(job.market, job.purpose, subject, UUID(job.user_id) if job.user_id else None)
    until, minutes = clock.now() + codes.LIFETIME, int(codes.LIFETIME.total_seconds() / 60)
    # Queued before the commit: if Redis is away, nothing is stored, and the job is retried.
    async with transaction(resources.db) as db:
        code = await codes.issue(resources.keys, db, use)
        text = TEXT.format(code=code, title=policy_of(job.market).title, minutes=minutes)
        await resources.jobs.enqueue(SendText(job.phone, text, until))


async def send_text(sender: SmsSender, job: SendText) -> None:
    """Send a text message, unless its code has expired; raises as `SmsSender.send` does."""
    if clock.now() < job.until:
        await sender.send(job.phone, job.text)


async def _is_wanted(resources: Resources, job: TextCode) -> bool:
    if job.user_id:
        return await USER_BY_ID(resources.db, UUID(job.user_id)) is not None
    known_as = forms(resources.sealing, policy_of(job.market), PHONE, job.phone)
    return job.to_anybody or await BY_PHONE(resources.db, job.market, known_as) is not None
