"""Verified addresses: a mailed code that comes back shows that the address is its user's."""

import asyncio
import logging
import secrets
from datetime import timedelta
from uuid import UUID

from core import clock, errors, identity, limits
from core.away import REDIS_AWAY
from core.budget import Rate
from core.context import Ctx
from core.db import UNAVAILABLE_ERRORS, Run, transaction
from core.identity import INSERT_ONE_TIME_TOKEN, USE_ONE_TIME_TOKEN, USER_BY_EMAIL, VOID_ONE_TIME_TOKENS, digest
from core.jobs import MailUser
from core.sessions import Account

MAIL_SECONDS = 2.0
VERIFY = "email verification"
VERIFY_LIFETIME = timedelta(days=7)
VERIFY_TEXT = """Welcome to {title}.

Please confirm that this address is yours, within a week:
{link}

Or enter this code:
{token}

If you have no account there, do nothing: someone has mistyped an address.
"""

VERIFY_EMAIL = Run("update users set email_verified_at = coalesce(email_verified_at, $2) where id = $1")

log = logging.getLogger(__name__)


async def welcome(ctx: Ctx, account: Account, title: str) -> None:
    """Mail a new user a code that verifies her address; if that is not possible now, she asks for another one later."""
    try:
        async with asyncio.timeout(MAIL_SECONDS):
            await _mail_verification(ctx, account.id, title)
    except (*REDIS_AWAY, *UNAVAILABLE_ERRORS) as error:
        log.warning("a new user got no mail: %r", error)


async def mail_verification(ctx: Ctx, email: str, title: str, rate: Rate) -> None:
    """Mail the code again, if there is such an account and it needs one; the answer is the same if not."""
    email = identity.checked_email(email)
    await limits.take(ctx, rate, email.lower())
    known = await USER_BY_EMAIL(ctx.db, ctx.market, email)
    if known and not known.is_verified:
        await _mail_verification(ctx, known.id, title)


async def verify_email(ctx: Ctx, token: str) -> None:
    """Note that a mailed code has come back: the address is its user's; raises INVALID_VERIFICATION_TOKEN."""
    now = clock.now()
    async with transaction(ctx.db) as db:
        user_id = await USE_ONE_TIME_TOKEN(db, digest(token), VERIFY, ctx.market, now)
        if user_id is None:
            raise errors.INVALID_VERIFICATION_TOKEN.error()
        await VERIFY_EMAIL(db, user_id, now)
        await VOID_ONE_TIME_TOKENS(db, user_id, VERIFY, now)


async def _mail_verification(ctx: Ctx, user_id: UUID, title: str) -> None:
    token = secrets.token_urlsafe(32)
    link = f"{ctx.resources.settings.public_url}/#verify={token}"
    text = VERIFY_TEXT.format(title=title, link=link, token=token)
    async with transaction(ctx.db) as db:
        await INSERT_ONE_TIME_TOKEN(db, digest(token), user_id, VERIFY, clock.now() + VERIFY_LIFETIME)
        await ctx.resources.jobs.enqueue(MailUser(str(user_id), f"Your address at {title}", text))
