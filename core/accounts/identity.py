"""Accounts: logging in, and a new password by mail. What a password needs, and how often, is in the policy."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from core.accounts import contacts, emails, known_devices, sessions
from core.accounts.alerts import alert
from core.accounts.attempts import attempt
from core.accounts.contacts import EMAIL, email_of, phone_of
from core.accounts.emails import take_mail
from core.accounts.one_time import tokens
from core.accounts.sessions import Account, Tokens
from core.base import clock, errors
from core.base.errors import Detail
from core.limits.budget import Rate
from core.platform import passwords
from core.platform.db import One, Run, Scalar
from core.platform.tokens import Device
from core.work.context import Ctx
from core.work.jobs import MailCode
from core.work.kept_answers import DELETED_NAME
from core.work.personal_data import PersonalData, rows_of
from core.work.unit_of_work import unit_of_work

RESET: Final = "password reset"
VERIFY: Final = "email verification"
# How young a login must be for what cannot be undone or gives the account away, if no password comes along.
RECENT = timedelta(minutes=5)
_WRONG_PASSWORD = Detail("password", "Wrong password")


class Known(msgspec.Struct, frozen=True):
    id: UUID
    market: str
    name: str
    role: str
    is_verified: bool


class LoginRow(msgspec.Struct, frozen=True):
    """Who logs in, and whether she has from this address (`is_familiar`), by the same browser or app there (`is_usual`)."""

    id: UUID
    email: str | None
    name: str
    role: str
    password_hash: str
    devices_forgotten_at: datetime | None
    is_familiar: bool
    is_usual: bool


_KNOWN = "select id, market, name, role, email_verified_at is not null as is_verified from users"
# $2 of these are the forms (contacts.forms) of an address in its canonical form.
_OF_EMAIL = 'market = $1 and lower(email collate "C") = any ($2::text[]) and deleted_at is null'
USER_BY_EMAIL = One(Known, f"{_KNOWN} where {_OF_EMAIL}")
USER_BY_ID = One(Known, f"{_KNOWN} where id = $1 and deleted_at is null")
# $3 and $4: the address and the browser or app that it comes from.
LOGIN = f"""
    select id, {email_of("u")} as email, name, role, password_hash, devices_forgotten_at,
        before.is_usual is not null as is_familiar, coalesce(before.is_usual, false) as is_usual
    from users u left join lateral (
        select bool_or(user_agent = $4) as is_usual from (
            select user_agent from sessions where user_id = u.id and remote = $3 limit 100
        ) s
    ) before on true"""  # noqa: S608
# One statement, whether there is such an account or not.
LOGIN_BY_EMAIL = One(LoginRow, f"{LOGIN} where {_OF_EMAIL}")
SESSION_BEGAN = Scalar(datetime, "select created_at from sessions where id = $1")
PASSWORD_IS_STILL = Scalar(bool, "select password_hash = $2 from users where id = $1 and deleted_at is null for share")
ADDRESS = Scalar(str, f"select {email_of('u')} from users u where id = $1 and deleted_at is null")  # noqa: S608
ROLE_OF = Scalar(str, "select role from users where id = $1 and market = $2 and deleted_at is null")
PASSWORD_HASH = Scalar(str, "select password_hash from users where id = $1 and deleted_at is null")
REHASH = Run("update users set password_hash = $3 where id = $1 and password_hash = $2")
REPLACE_PASSWORD = Run("update users set password_hash = $3, updated_at = $4 where id = $1 and password_hash = $2")
SET_PASSWORD = Run("update users set password_hash = $2, updated_at = $3 where id = $1")
CODES = PersonalData(
    "codes",
    frozenset({"one_time_tokens"}),
    rows_of("select purpose, expires_at, used_at from one_time_tokens where user_id = $1"),
    (Run("delete from one_time_tokens where user_id = $1"),),
)
ACCOUNT = PersonalData(
    "account",
    frozenset({"users", "user_search"}),
    rows_of(
        f"""
        select id, {email_of("u")} as email, {phone_of("u")} as phone, name, role, avatar_url, created_at, updated_at,
            last_seen_at, email_verified_at, phone_verified_at, status, status_until
        from users u where id = $1"""  # noqa: S608
    ),
    (
        Run(
            f"""
            update users set email = '', password_hash = '', name = '{DELETED_NAME}', avatar_url = null,
                last_seen_at = null, email_verified_at = null, phone = null, phone_verified_at = null,
                sealed_email = null, sealed_phone = null,
                status = 'active', status_until = null, updated_at = coalesce(deleted_at, now()),
                deleted_at = coalesce(deleted_at, now())
            where id = $1"""  # noqa: S608
        ),
    ),
    kept="The row, its role and dates, without anything personal: others' conversations and projects refer to it.",
)


async def login(ctx: Ctx, email: str, password: str) -> tuple[Account, Tokens]:
    """Open a session; raises INVALID_CREDENTIALS, RATE_LIMITED after too many failures, and as `sessions.start` does.

    Strangers who guess from many addresses are stopped by the account's limit. Its owner is not: it does not count on a device,
    or at an address, where she has logged in before.
    """
    address = emails.canonical(email)
    agent = sessions.storable(ctx.user_agent)
    forms = contacts.forms(ctx.resources.sealing, ctx.policy, EMAIL, address)
    row = await LOGIN_BY_EMAIL(ctx.db, ctx.policy.name, forms, ctx.remote, agent) if address else None
    device = ctx.resources.keys.device(ctx.device)
    known = device if row and known_devices.is_known(device, row.id, row.devices_forgotten_at) else None
    async with attempt(ctx, *_counted(ctx, address, row, known)):
        stored = row.password_hash if row else None
        # Turns at hashing, too, are the device's: a queue full of its neighbours' logins is not its own.
        turn = f"device {known.device}" if known else ctx.remote
        if not await ctx.resources.passwords.verify_login(stored, password, turn) or row is None:
            raise errors.INVALID_CREDENTIALS.error()
        row = await _rehashed(ctx, row, password, turn)
    return await _open_session(ctx, row, is_new_device=not known and not row.is_usual)


def _counted(ctx: Ctx, address: str | None, row: LoginRow | None, device: Device | None) -> list[tuple[Rate, str]]:
    """Return the buckets that a failed login counts in. An invalid address has no bucket."""
    rates = ctx.policy.login
    if row and device:
        return [(rates.device, f"{row.id}:{device.device}")]
    is_account_counted = address and not (row and row.is_familiar)
    return [(rates.address, ctx.remote), *([(rates.account, str(address))] if is_account_counted else [])]


async def _rehashed(ctx: Ctx, row: LoginRow, password: str, turn: str) -> LoginRow:
    """Replace a hash that was made elsewhere, whose password this is, by one of ours; if that must wait, at another login."""
    if not passwords.is_foreign(row.password_hash):
        return row
    try:
        ours = await ctx.resources.passwords.hash(password, turn)
    except errors.AppError:
        return row
    if not await REHASH(ctx.db, row.id, row.password_hash, ours):
        # Another login of hers was faster, or there is a new password.
        ours = await PASSWORD_HASH(ctx.db, row.id) or passwords.NO_PASSWORD
        if not await ctx.resources.passwords.verify_login(ours, password, turn):
            raise errors.INVALID_CREDENTIALS.error()
    return msgspec.structs.replace(row, password_hash=ours)


async def _open_session(ctx: Ctx, row: LoginRow, *, is_new_device: bool) -> tuple[Account, Tokens]:
    (row,) = ctx.resources.sealing.opened([row], "email")
    account = Account(row.id, row.email, row.name, row.role)
    mail = await alert(ctx, row.id, row.email, "login") if is_new_device else None
    async with unit_of_work(ctx) as work:
        # A reset that was committed meanwhile has ended all sessions: none may come up by the old password after it.
        if not await PASSWORD_IS_STILL(work.db, row.id, row.password_hash):
            raise errors.INVALID_CREDENTIALS.error()
        if mail:
            work.enqueue(mail)
        await work.record("user.login", row.id, by=row.id, new_device=is_new_device)
        return account, await sessions.start(ctx, work.db, account)


async def require_recent_login(ctx: Ctx, password: str | None) -> None:
    """Raise REAUTHENTICATION_REQUIRED unless the caller logged in a moment ago or gives her password."""
    began = await SESSION_BEGAN(ctx.db, ctx.user.session_id)
    if began and clock.now() - began <= RECENT:
        return
    if password is None:
        raise errors.REAUTHENTICATION_REQUIRED.error()
    await _verify_own(ctx, password, errors.REAUTHENTICATION_REQUIRED.error(details=[_WRONG_PASSWORD]))


async def role_of(ctx: Ctx, user_id: UUID) -> str:
    """Return the role of a user of this marketplace; raises USER_NOT_FOUND."""
    role = await ROLE_OF(ctx.db, user_id, ctx.policy.name)
    if role is None:
        raise errors.USER_NOT_FOUND.error()
    return role


async def mail_reset(ctx: Ctx, email: str) -> None:
    """Have a code mailed that sets a new password, if there is such an account; neither answer nor time tell."""
    email = emails.checked(email)
    await take_mail(ctx, email, ctx.policy.password_reset)
    await ctx.resources.jobs.enqueue(MailCode(ctx.policy.name, email, RESET))


async def reset_password(ctx: Ctx, token: str, password: str) -> UUID:
    """Set a new password with a mailed code, end all credentials and return whose they were.

    Raises VALIDATION_ERROR, INVALID_RESET_TOKEN, RATE_LIMITED after too many wrong ones. Hashes only when the code is right.
    """
    if problems := ctx.policy.passwords.problems("newPassword", password):
        raise errors.VALIDATION_ERROR.error(details=problems)
    async with attempt(ctx, (ctx.policy.codes, ctx.remote)):
        owner = await tokens.OWNER(ctx.db, tokens.digest(token), RESET, ctx.policy.name, clock.now())
        if owner is None:
            raise errors.INVALID_RESET_TOKEN.error()
    password_hash = await ctx.resources.passwords.hash(password, ctx.remote)
    (owner,) = ctx.resources.sealing.opened([owner], "email")
    mail = await alert(ctx, owner.id, owner.email, "password reset")
    now = clock.now()
    async with unit_of_work(ctx) as work:
        await sessions.LOCK_USER(work.db, owner.id)
        if await tokens.USE(work.db, tokens.digest(token), RESET, ctx.policy.name, now) is None:
            raise errors.INVALID_RESET_TOKEN.error()
        await SET_PASSWORD(work.db, owner.id, password_hash, now)
        await work.record("user.reset_password", owner.id, by=owner.id)
        if mail:
            work.enqueue(mail)
        await sessions.end_all(work, owner.id, "password reset")
    return owner.id


async def change_password(ctx: Ctx, current: str, new: str) -> None:
    """Set a new password and end all other sessions; raises VALIDATION_ERROR, RATE_LIMITED after too many wrong ones."""
    if problems := ctx.policy.passwords.problems("newPassword", new):
        raise errors.VALIDATION_ERROR.error(details=problems)
    stored = await _verify_own(ctx, current, _wrong_password())
    password_hash = await ctx.resources.passwords.hash(new, str(ctx.user.id))
    mail = await alert(ctx, ctx.user.id, ctx.user.email, "password changed")
    now = clock.now()
    async with unit_of_work(ctx) as work:
        if not await REPLACE_PASSWORD(work.db, ctx.user.id, stored, password_hash, now):
            raise _wrong_password()
        await work.record("user.change_password", ctx.user.id)
        if mail:
            work.enqueue(mail)
        await sessions.end_all(work, ctx.user.id, "password changed", keep=ctx.user.session_id)


async def _verify_own(ctx: Ctx, password: str, wrong: errors.AppError) -> str | None:
    """Return the stored hash of the caller's password, if she gives it; raises `wrong`, and RATE_LIMITED after too many."""
    async with attempt(ctx, (ctx.policy.password_change, str(ctx.user.id))):
        stored = await PASSWORD_HASH(ctx.db, ctx.user.id)
        if not await ctx.resources.passwords.verify(stored, password, str(ctx.user.id)):
            raise wrong
    return stored


def _wrong_password() -> errors.AppError:
    return errors.invalid("currentPassword", "Wrong password")
