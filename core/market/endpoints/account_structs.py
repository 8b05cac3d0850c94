"""What the calls of accounts and sessions take and give."""

from uuid import UUID

import msgspec

from core.accounts.emails import Email
from core.accounts.sessions import Account, SessionView, Tokens
from core.text.fields import Name, NewPassword, Role, Short


class SignUp(msgspec.Struct, frozen=True, rename="camel"):
    email: Email
    password: NewPassword
    name: Name
    user_type: Role


class LogIn(msgspec.Struct, frozen=True, rename="camel"):
    email: Short
    password: Short


class RefreshToken(msgspec.Struct, frozen=True, rename="camel"):
    refresh_token: Short


class LogOut(msgspec.Struct, frozen=True, rename="camel"):
    """Without a refresh token the session of the access token ends."""

    refresh_token: Short | None = None


class ForgotPassword(msgspec.Struct, frozen=True, rename="camel"):
    email: Short


class VerifyEmail(msgspec.Struct, frozen=True):
    token: Short


class ChangePassword(msgspec.Struct, frozen=True, rename="camel"):
    current_password: Short
    new_password: NewPassword


class ResetPassword(msgspec.Struct, frozen=True, rename="camel"):
    token: Short
    new_password: NewPassword


class Reauthentication(msgspec.Struct, frozen=True):
    """What cannot be undone asks for the password, unless the login is younger than five minutes."""

    password: Short | None = None


class ChangeEmail(msgspec.Struct, frozen=True, rename="camel"):
    """The password is needed unless the login is younger than five minutes."""

    new_email: Email
    password: Short | None = None


class EmailCode(msgspec.Struct, frozen=True):
    """The token of a mail about a change of e-mail."""

    token: Short


class EmailConfirmed(msgspec.Struct, frozen=True):
    """`changed`: whether the other address had confirmed it before, so that the change is done."""

    message: str
    changed: bool


class SessionList(msgspec.Struct, frozen=True):
    sessions: list[SessionView]


class Done(msgspec.Struct, frozen=True):
    message: str


class UserView(msgspec.Struct, frozen=True, rename="camel"):
    id: UUID
    email: str
    name: str
    user_type: str


class LoggedIn(Tokens, frozen=True, rename="camel"):
    user: UserView


def logged_in(account: Account, tokens: Tokens) -> LoggedIn:
    """Return the answer to a login."""
    user = UserView(account.id, account.email or "", account.name, account.role)
    return LoggedIn(tokens.access_token, tokens.refresh_token, user)
