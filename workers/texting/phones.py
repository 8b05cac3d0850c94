"""Texts of all kinds: codes to phones that log in, sign up or are confirmed, and what is texted to users."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from core.accounts.contacts import PHONE, forms
from core.accounts.identity import USER_BY_ID
from core.accounts.one_time import codes
from core.accounts.one_time.codes import Use
from core.accounts.phones.accounts import BY_PHONE
from core.base import clock
from core.platform.db import transaction
from core.texting.sending import VERIFIED, ways_of
from core.work.context import Resources
from core.work.jobs import SendText, TextCode, TextUser
from marketplaces import policy_of
from workers.texting.sending import rules_of

USEFUL: Final = timedelta(hours=10)  # of a text that is no code; providers keep none for longer


async def text_code(resources: Resources, job: TextCode) -> None:
    """Send a code to a phone, if it is of use to whoever has it."""
    known_as = forms(resources.sealing, policy_of(job.market), PHONE, job.phone)
    known = await BY_PHONE(resources.db, job.market, known_as)
    owner = job.user_id or (str(known) if known else None)
    if not (known or job.to_anybody) or (job.user_id and await USER_BY_ID(resources.db, UUID(job.user_id)) is None):
        return
    use = Use(job.market, job.purpose, known_as[0], UUID(job.user_id) if job.user_id else None)
    until, minutes = clock.now() + codes.LIFETIME, int(codes.LIFETIME.total_seconds() / 60)
    rules = rules_of(job.market)
    template, language = rules.code, rules.code.language(job.language)
    ways = ways_of(rules, template, job.channel)
    # Queued before the commit: if Redis is away, nothing is stored, and the job is retried.
    async with transaction(resources.db) as db:
        code = await codes.issue(resources.keys, db, use)
        values = {"code": code, "title": policy_of(job.market).title, "minutes": str(minutes)}
        text = template.texts[language].format_map(values)
        await resources.jobs.enqueue(
            SendText(job.phone, text, until, job.market, ways, "", owner, template.name, language, values)
        )


async def text_user(resources: Resources, job: TextUser) -> None:
    """Text a user at the number that she has now, if she has one."""
    rules = rules_of(job.market)
    phone = await VERIFIED(resources.db, UUID(job.user_id), job.market)
    phone = phone and resources.sealing.shown(phone)
    template = next((one for one in rules.templates if one.name == job.template), None)
    if phone is None or template is None:
        return
    language = template.language(job.language)
    text, until = template.texts[language].format_map(job.values), clock.now() + USEFUL
    await resources.jobs.enqueue(
        SendText(phone, text, until, job.market, job.ways, "", job.user_id, template.name, language, job.values)
    )
