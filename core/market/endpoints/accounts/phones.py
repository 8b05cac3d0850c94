"""Phone numbers: codes that log in and sign up, and that make a number the user's."""

import msgspec

from core.accounts import identity
from core.accounts.phones import logins, sending
from core.accounts.phones.logins import NewPerson
from core.base.errors import (
    ACCOUNT_PENDING,
    INVALID_CODE,
    PHONE_EXISTS,
    REAUTHENTICATION_REQUIRED,
    SIGN_UP_REQUIRED,
    invalid,
)
from core.market.endpoints.account_structs import Done, LoggedIn, logged_in
from core.market.traits import call
from core.text.fields import Name, Short
from core.work.context import Ctx


class Phone(msgspec.Struct, frozen=True):
    """A number, in whichever way it is written. `channel`: how the code should come, if the marketplace lets one choose."""

    phone: Short
    channel: Short = ""
    language: Short = ""


class PhoneLogIn(msgspec.Struct, frozen=True, rename="camel"):
    """A code that was sent to the number. The name and what she is: for a number that has no account yet."""

    phone: Short
    code: Short
    name: Name | None = None
    user_type: Short | None = None


class ChangePhone(msgspec.Struct, frozen=True):
    """The password is needed unless the login is younger than five minutes."""

    phone: Short
    password: Short | None = None
    channel: Short = ""
    language: Short = ""


class PhoneCode(msgspec.Struct, frozen=True):
    """A code that was sent to the number."""

    phone: Short
    code: Short


@call(needs="otp")
async def send_code(ctx: Ctx, body: Phone) -> Done:
    """Send a code to a phone that logs in, or signs up"""
    await sending.send_code(ctx, body.phone, body.channel, body.language)
    return Done("Code sent")


@call(INVALID_CODE, SIGN_UP_REQUIRED, PHONE_EXISTS, needs="otp")
async def log_in(ctx: Ctx, body: PhoneLogIn) -> LoggedIn:
    """Log in with the code that was sent to a phone, or sign up with it"""
    login = await logins.log_in(ctx, body.phone, body.code, _new(ctx, body))
    if login.tokens is None:
        raise ACCOUNT_PENDING.error()
    return logged_in(login.account, login.tokens)


@call(REAUTHENTICATION_REQUIRED, needs="otp")
async def ask_phone_change(ctx: Ctx, body: ChangePhone) -> Done:
    """Send a code to a phone that makes its number the user's"""
    await identity.require_recent_login(ctx, body.password)
    await sending.send_confirmation(ctx, body.phone, body.channel, body.language)
    return Done("Code sent")


@call(INVALID_CODE, PHONE_EXISTS, needs="otp")
async def confirm_phone(ctx: Ctx, body: PhoneCode) -> Done:
    """Make a number the user's with the code that was sent to it; in place of another one it ends all other sessions"""
    await logins.confirm(ctx, body.phone, body.code)
    return Done("Phone number confirmed")


def _new(ctx: Ctx, body: PhoneLogIn) -> NewPerson | None:
    if body.name is None or body.user_type is None:
        return None
    if body.user_type not in ctx.policy.roles:
        raise invalid("userType", f"Must be one of: {', '.join(sorted(ctx.policy.roles))}")
    return NewPerson(body.name, body.user_type)
