"""E-mail addresses and phone numbers as stored: in the clear, or as a blind index and a sealed value (`seals_contacts`).

The index is in the column of the clear value, so that the unique indexes hold for it, too. Where there are keys, values are
looked for in both forms: those that were stored before are sealed by and by.
"""

from typing import Final
from uuid import UUID

from core.platform.sealing.sealing import Sealing
from core.work.context import Ctx
from core.work.policy import Policy

EMAIL: Final = "users.email"
PHONE: Final = "users.phone"


def email_of(user: str) -> str:
    """Return the SQL of a user's address, sealed or not."""
    return f"placed(coalesce({user}.sealed_email, {user}.email), '{EMAIL} ' || {user}.id)"


def phone_of(user: str) -> str:
    """Return the SQL of a user's number, sealed or not."""
    return f"placed(coalesce({user}.sealed_phone, {user}.phone), '{PHONE} ' || {user}.id)"


def forms(sealing: Sealing, policy: Policy, column: str, normal: str | None) -> list[str]:
    """Return the forms in which a value may be stored, that of new ones first."""
    if normal is None or not sealing.key_id:
        return [normal] if normal else []
    index = sealing.index(policy.name, column, normal)
    return [index, normal] if policy.seals_contacts else [normal, index]


def stored(
    ctx: Ctx, column: str, user_id: UUID, given: str | None, normal: str | None
) -> tuple[str | None, str | None]:
    """Return what is stored of a user's address or number: the value that is looked for, and the sealed one, if any."""
    if not given or not ctx.policy.seals_contacts:
        return given, None
    sealing = ctx.resources.sealing
    return forms(sealing, ctx.policy, column, normal)[0], sealing.seal(ctx.policy.name, column, user_id, given)
