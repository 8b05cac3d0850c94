"""Signing up, logging in and out, sessions, passwords and addresses."""

from uuid import UUID

from core.accounts import csrf, email_changes, identity, sessions, signup, verification
from core.accounts.csrf import CsrfToken
from core.accounts.sessions import Tokens
from core.accounts.signup import NewAccount
from core.base.answers import Answer
from core.base.errors import (
    EMAIL_EXISTS,
    INVALID_CREDENTIALS,
    INVALID_REFRESH_TOKEN,
    INVALID_RESET_TOKEN,
    INVALID_VERIFICATION_TOKEN,
    REAUTHENTICATION_REQUIRED,
    SESSION_NOT_FOUND,
)
from core.market.endpoints.account_structs import (
    ChangeEmail,
    ChangePassword,
    Done,
    EmailCode,
    EmailConfirmed,
    ForgotPassword,
    LoggedIn,
    LogIn,
    LogOut,
    RefreshToken,
    ResetPassword,
    SessionList,
    SignUp,
    VerifyEmail,
    logged_in,
)
from core.market.traits import call
from core.work.context import Ctx


@call(EMAIL_EXISTS)
async def sign_up(ctx: Ctx, body: SignUp) -> LoggedIn:
    """Register a new user"""
    return logged_in(*await signup.sign_up(ctx, NewAccount(body.email, body.password, body.name, body.user_type)))


@call(INVALID_CREDENTIALS)
async def log_in(ctx: Ctx, body: LogIn) -> LoggedIn:
    """Log in with e-mail and password"""
    return logged_in(*await identity.login(ctx, body.email, body.password))


@call(INVALID_REFRESH_TOKEN)
async def refresh(ctx: Ctx, body: RefreshToken) -> Tokens:
    """Get a new access token, and a new refresh token in place of the old one"""
    return await sessions.refresh(ctx, body.refresh_token)


@call(INVALID_REFRESH_TOKEN, statuses=(204,), ends_login=True)
async def log_out(ctx: Ctx, body: LogOut | None = None) -> None:
    """End a session: its refresh token, its access tokens and its sockets"""
    await sessions.log_out(ctx, body.refresh_token if body else None)


@call(INVALID_VERIFICATION_TOKEN)
async def verify_email(ctx: Ctx, body: VerifyEmail) -> Done:
    """Verify an e-mail address with the token that was mailed to it; nothing depends on it"""
    await verification.verify_email(ctx, body.token)
    return Done("Email verified")


async def resend_verification(ctx: Ctx, body: ForgotPassword) -> Done:
    """Send the verification e-mail again, if there is such an account and its address is not verified"""
    await verification.mail_verification(ctx, body.email)
    return Done("Verification email sent")


async def change_password(ctx: Ctx, body: ChangePassword) -> Answer[Done]:
    """Set a new password; ends all other sessions, the address of the calendar feed and codes that were mailed"""
    await identity.change_password(ctx, body.current_password, body.new_password)
    return Answer(0, Done("Password changed"), device_of=ctx.user.id)


@call(REAUTHENTICATION_REQUIRED)
async def ask_email_change(ctx: Ctx, body: ChangeEmail) -> Done:
    """Have both the present and the new e-mail address asked to confirm that the new one takes its place

    Needs a login of the last five minutes, or the password. Replaces a change that was asked for before. Good for 24 hours;
    the answer is the same whether there is an account with that address or not.
    """
    await identity.require_recent_login(ctx, body.password)
    await email_changes.ask(ctx, body.new_email)
    return Done("Both addresses are asked to confirm")


@call(INVALID_VERIFICATION_TOKEN, EMAIL_EXISTS)
async def confirm_email_change(ctx: Ctx, body: EmailCode) -> EmailConfirmed:
    """Confirm a change of e-mail with the token that was mailed to one of its addresses

    The change is done when both have confirmed, in any order. It ends all sessions but the one that asked for it.
    """
    changed = await email_changes.confirm(ctx, body.token)
    return EmailConfirmed("Email changed" if changed else "Confirmed: now the other address must confirm, too", changed)


@call(INVALID_VERIFICATION_TOKEN)
async def cancel_email_change(ctx: Ctx, body: EmailCode) -> Done:
    """Cancel a change of e-mail with the token for it that was mailed to the present address"""
    await email_changes.cancel(ctx, body.token)
    return Done("Your address stays as it is")


async def cancel_own_email_change(ctx: Ctx) -> None:
    """Cancel the change of e-mail that the user has asked for, if any is pending"""
    await email_changes.cancel_own(ctx)


async def get_csrf_token(ctx: Ctx) -> CsrfToken:
    """Get the token against forged requests, for clients that keep their tokens in cookies"""
    return csrf.issue_to(ctx)


async def list_sessions(ctx: Ctx) -> SessionList:
    """Get the user's sessions: where she is logged in"""
    return SessionList(await sessions.list_of_user(ctx))


@call(SESSION_NOT_FOUND)
async def end_session(ctx: Ctx, session_id: UUID) -> None:
    """End one of the user's sessions: its tokens and its sockets"""
    await sessions.end_one(ctx, session_id)


async def end_other_sessions(ctx: Ctx) -> None:
    """End all of the user's sessions but this one, the address of the calendar feed and codes that were mailed"""
    await sessions.end_others(ctx)


async def forgot_password(ctx: Ctx, body: ForgotPassword) -> Done:
    """Send a password reset e-mail, if there is such an account"""
    await identity.mail_reset(ctx, body.email)
    return Done("Password reset email sent")


@call(INVALID_RESET_TOKEN)
async def reset_password(ctx: Ctx, body: ResetPassword) -> Answer[Done]:
    """Set a new password with the token from the e-mail; ends all sessions and whatever else opened the account"""
    user_id = await identity.reset_password(ctx, body.token, body.new_password)
    return Answer(0, Done("Password reset successful"), device_of=user_id)
