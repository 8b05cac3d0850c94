"""Signing up, logging in and out, and a new password."""

from core import errors, identity, sessions
from core.context import Ctx
from core.db import transaction
from core.identity import NewAccount
from core.passwords import hash_password
from core.sessions import Tokens
from marketplaces.onswift import queries, rules
from marketplaces.onswift.structs import (
    Done,
    ForgotPassword,
    LoggedIn,
    LogIn,
    LogOut,
    RefreshToken,
    ResetPassword,
    SignUp,
    logged_in,
)


async def sign_up(ctx: Ctx, body: SignUp) -> LoggedIn:
    """Register a new user (creator or talent)"""
    if body.company_name and body.user_type != rules.CREATOR:
        raise errors.VALIDATION_ERROR.error(details=[errors.Detail("companyName", "Only creators have a company")])
    new = identity.checked(NewAccount(body.email, body.password, body.name, body.user_type), rules.PASSWORDS)
    password_hash = await hash_password(new.password)
    async with transaction(ctx.db) as db:
        account = await identity.create_account(ctx, db, new, password_hash)
        if body.company_name:
            await queries.INSERT_COMPANY(db, account.id, body.company_name.strip())
        tokens = await sessions.start(ctx, db, account)
    return logged_in(account, tokens)


async def log_in(ctx: Ctx, body: LogIn) -> LoggedIn:
    """Log in with e-mail and password"""
    return logged_in(*await identity.login(ctx, body.email, body.password, rules.LOGIN))


async def refresh(ctx: Ctx, body: RefreshToken) -> Tokens:
    """Get a new access token, and a new refresh token in place of the old one"""
    return await sessions.refresh(ctx, body.refresh_token)


async def log_out(ctx: Ctx, body: LogOut | None = None) -> None:
    """End a session: its refresh token, its access tokens and its sockets"""
    await sessions.end(ctx, body.refresh_token if body else None)


async def forgot_password(ctx: Ctx, body: ForgotPassword) -> Done:
    """Send a password reset e-mail, if there is such an account"""
    await identity.mail_reset(ctx, body.email, rules.TITLE, rules.PASSWORD_RESET)
    return Done("Password reset email sent")


async def reset_password(ctx: Ctx, body: ResetPassword) -> Done:
    """Set a new password with the token from the e-mail; ends all sessions"""
    await identity.reset_password(ctx, body.token, body.new_password, rules.PASSWORDS)
    return Done("Password reset successful")
