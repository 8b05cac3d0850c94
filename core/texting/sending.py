"""Texts to users, of the templates of their marketplace. Codes are sent by core/accounts/phones."""

from uuid import UUID

from core.accounts.contacts import phone_of
from core.accounts.phones.numbers import parsed
from core.accounts.phones.sending import take_text
from core.base.ids import uuid7
from core.platform.db import Scalar
from core.text.templates import TextTemplate, filled_in
from core.work.jobs import TextUser
from core.work.rules.accounts import Channel, TextRules
from core.work.unit_of_work import UnitOfWork

VERIFIED = Scalar(
    str,
    f"""
    select {phone_of("u")} from users u
    where id = $1 and market = $2 and phone_verified_at is not null and deleted_at is null""",  # noqa: S608
)


async def text_user(work: UnitOfWork, user_id: UUID, template: str, language: str = "", **values: object) -> bool:
    """Text a user after the commit, at the number that she has confirmed; False: she has none that is served.

    `values` fill the placeholders. Whether she wants it is for the caller to know. Raises RATE_LIMITED.
    """
    ctx = work.ctx
    rules = ctx.policy.otp
    phone = await VERIFIED(work.db, user_id, ctx.policy.name)
    number = parsed(ctx.resources.sealing.shown(phone), None) if phone else None
    if rules is None or number is None or number.country not in rules.calling_codes:
        return False
    (wanted,) = [one for one in rules.texts.templates if one.name == template]
    await take_text(ctx, number)
    ways = ways_of(rules.texts, wanted)
    work.enqueue(TextUser(ctx.policy.name, str(user_id), template, language, filled_in(values), ways))
    return True


def ways_of(rules: TextRules, template: TextTemplate, first: str = "") -> list[tuple[Channel, str]]:
    """Return the channels of a text, `first` first, with its ids there: made once, so that no repeat sends it again."""
    channels = sorted(rules.channels, key=lambda one: one != first)
    return [(one, str(uuid7())) for one in channels if one == "sms" or template.whatsapp]
