"""Codes that come back from a phone: they log in, sign up, or make a number the user's."""

from uuid import UUID

import msgspec

from core.accounts import contacts, known_devices, logins, sessions, signup
from core.accounts.alerts import alert
from core.accounts.attempts import attempt
from core.accounts.contacts import PHONE
from core.accounts.identity import LoginRow
from core.accounts.one_time import codes
from core.accounts.one_time.codes import Use
from core.accounts.phones import accounts
from core.accounts.phones.numbers import checked
from core.accounts.phones.sending import CONFIRM, LOGIN
from core.accounts.sessions import Account, Tokens
from core.accounts.status.states import STATES
from core.base import clock, errors
from core.base.events import UserUpdated
from core.platform.db import UniqueViolation
from core.work.context import Ctx
from core.work.rules import required
from core.work.unit_of_work import UnitOfWork, unit_of_work


class NewPerson(msgspec.Struct, frozen=True):
    """Who signs up with a number. The name is a core.text.fields.Name."""

    name: str
    role: str


class PhoneLogin(msgspec.Struct, frozen=True):
    """Who has logged in. `tokens`: None for a new account that has to be approved first."""

    account: Account
    tokens: Tokens | None
    is_new: bool


async def log_in(ctx: Ctx, phone: str, code: str, new: NewPerson | None = None) -> PhoneLogin:
    """Open a session with a code that was sent; for a number without an account, sign up as `new`.

    Raises VALIDATION_ERROR, INVALID_CODE, RATE_LIMITED after too many wrong ones, and as `sessions.start` does. Without `new`
    also SIGN_UP_REQUIRED, after which the code is still good.
    """
    number = checked(phone, required(ctx.policy.otp)).e164
    forms = contacts.forms(ctx.resources.sealing, ctx.policy, PHONE, number)
    use = Use(ctx.policy.name, LOGIN, forms[0])
    hash = await _checked(ctx, use, code)
    asked = (ctx.policy.name, forms, ctx.remote, sessions.storable(ctx.user_agent))
    known = await accounts.LOGIN_BY_PHONE(ctx.db, *asked)
    (known,) = ctx.resources.sealing.opened([known], "email") if known else (None,)
    mail = await alert(ctx, known.id, known.email, "login") if known and _is_new_device(ctx, known) else None
    async with unit_of_work(ctx) as work:
        await accounts.LOCK_BY_PHONE(work.db, ctx.policy.name, forms)
        await codes.consume(work.db, use, hash)
        row = await accounts.LOGIN_BY_PHONE(work.db, *asked)
        if row is None:
            return await _sign_up(ctx, work, number, new)
        if mail and known and known.id == row.id:
            work.enqueue(mail)
        return await _open_session(ctx, work, row)


async def confirm(ctx: Ctx, phone: str, code: str) -> None:
    """Make a number the caller's with the code that was sent to it; where it replaces another one, end all her other sessions.

    Not in a transaction of the caller's: a wrong code counts although the call fails.
    Raises VALIDATION_ERROR, INVALID_CODE, RATE_LIMITED after too many wrong ones, PHONE_EXISTS, SESSION_ENDED.
    """
    number = checked(phone, required(ctx.policy.otp)).e164
    forms = contacts.forms(ctx.resources.sealing, ctx.policy, PHONE, number)
    use = Use(ctx.policy.name, CONFIRM, forms[0], ctx.user.id)
    hash = await _checked(ctx, use, code)
    mail = await alert(ctx, ctx.user.id, ctx.user.email, "phone confirmed")
    async with unit_of_work(ctx) as work:
        await sessions.LOCK_USER(work.db, ctx.user.id)
        # All logins may have ended since the caller showed hers.
        if await logins.HOLD(work.db, ctx.user.session_id) is None:
            raise errors.SESSION_ENDED.error()
        await codes.consume(work.db, use, hash)
        before = await accounts.PHONE_OF(work.db, ctx.user.id)
        before = before and ctx.resources.sealing.shown(before)
        await _set_phone(work, ctx.user.id, number)
        await work.record("user.confirm_phone", ctx.user.id, replaced=before not in (None, number))
        work.emit([ctx.user.id], UserUpdated(ctx.user.person))
        if mail:
            work.enqueue(mail)
        if before not in (None, number):
            await sessions.end_all(work, ctx.user.id, "phone changed", keep=ctx.user.session_id)


async def _checked(ctx: Ctx, use: Use, code: str) -> bytes:
    """Return the hash of the code, if it is the one that was sent; raises INVALID_CODE, RATE_LIMITED."""
    async with attempt(ctx, (required(ctx.policy.otp).wrong_of_address, ctx.remote)):
        return await codes.check(ctx, use, code)


def _is_new_device(ctx: Ctx, row: LoginRow) -> bool:
    device = ctx.resources.keys.device(ctx.device)
    return not row.is_usual and not known_devices.is_known(device, row.id, row.devices_forgotten_at)


async def _open_session(ctx: Ctx, work: UnitOfWork, row: LoginRow) -> PhoneLogin:
    (row,) = ctx.resources.sealing.opened([row], "email")
    await accounts.VERIFY(work.db, row.id, clock.now())
    account = Account(row.id, row.email, row.name, row.role)
    tokens = await sessions.start(ctx, work.db, account)
    await work.record("user.login", row.id, by=row.id, new_device=_is_new_device(ctx, row), method="phone")
    return PhoneLogin(account, tokens, is_new=False)


async def _sign_up(ctx: Ctx, work: UnitOfWork, number: str, new: NewPerson | None) -> PhoneLogin:
    if not required(ctx.policy.otp).signs_up:
        raise errors.INVALID_CODE.error()
    if new is None:
        raise errors.SIGN_UP_REQUIRED.error()
    account = await signup.make_account(ctx, work.db, new.name, new.role, phone=number, is_proven=True)
    if account is None:  # the number became an account's a moment ago, to which the code logs in now
        raise errors.PHONE_EXISTS.error()
    await work.record("user.sign_up", account.id, by=account.id, method="phone")
    is_open = STATES[ctx.policy.initial_status].refusal is None
    return PhoneLogin(account, await sessions.start(ctx, work.db, account) if is_open else None, is_new=True)


async def _set_phone(work: UnitOfWork, user_id: UUID, number: str) -> None:
    phone = contacts.stored(work.ctx, PHONE, user_id, number, number)
    try:
        await accounts.SET_PHONE(work.db, user_id, *phone, clock.now())
    except UniqueViolation:
        raise errors.PHONE_EXISTS.error() from None
