"""Verified addresses: a mailed code that comes back shows that the address is its user's."""

from core.accounts import emails, sessions
from core.accounts.attempts import attempt
from core.accounts.emails import take_mail
from core.accounts.identity import VERIFY
from core.accounts.one_time import tokens
from core.base import clock, errors
from core.platform.db import Run
from core.work.context import Ctx
from core.work.jobs import MailCode
from core.work.rate_limits import RateLimitedError
from core.work.unit_of_work import unit_of_work

VERIFY_EMAIL = Run("update users set email_verified_at = coalesce(email_verified_at, $2) where id = $1")


async def may_welcome(ctx: Ctx, email: str) -> bool:
    """Say whether a new user may be mailed the code at once; if not, she asks for it later."""
    try:
        await take_mail(ctx, email, ctx.policy.welcome)
    except RateLimitedError:
        return False
    return True


async def mail_verification(ctx: Ctx, email: str) -> None:
    """Have the code mailed again, if there is such an account and it needs one; neither answer nor time tell."""
    email = emails.checked(email)
    await take_mail(ctx, email, ctx.policy.verification)
    await ctx.resources.jobs.enqueue(MailCode(ctx.policy.name, email, VERIFY))


async def verify_email(ctx: Ctx, token: str) -> None:
    """Note that a mailed code has come back: the address is its user's; raises INVALID_VERIFICATION_TOKEN."""
    now = clock.now()
    async with attempt(ctx, (ctx.policy.codes, ctx.remote)), unit_of_work(ctx) as work:
        if owner := await tokens.OWNER(work.db, tokens.digest(token), VERIFY, ctx.policy.name, now):
            await sessions.LOCK_USER(work.db, owner.id)
        user_id = await tokens.USE(work.db, tokens.digest(token), VERIFY, ctx.policy.name, now)
        if user_id is None:
            raise errors.INVALID_VERIFICATION_TOKEN.error()
        await VERIFY_EMAIL(work.db, user_id, now)
        await tokens.VOID(work.db, user_id, [VERIFY], now)
        await work.record("user.verify_email", user_id, by=user_id)
