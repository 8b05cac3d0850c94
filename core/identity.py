"""Accounts: signing up, logging in, and a new password by mail. What a password needs is the marketplace's to say."""

import hashlib
import re
import secrets
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import msgspec

from core import clock, errors, limits, sessions
from core.budget import Rate
from core.context import Ctx
from core.db import Connection, One, Run, Scalar, transaction
from core.errors import Detail
from core.ids import uuid7
from core.jobs import MailUser
from core.passwords import hash_password, verify_password
from core.sessions import Account, Tokens

# The addr-spec of RFC 5322 without quoted names, comments and bare host names: what people have as an address today.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
EMAIL = re.compile(rf"(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")
MAX_EMAIL = 254
MAX_NAME = 255
RESET = "password reset"
RESET_LIFETIME = timedelta(hours=1)
RESET_TEXT = """Someone, hopefully you, asked for a new password at {title}.

Choose it here, within the hour:
{link}

Or enter this code:
{token}

If it was not you, do nothing: your password stays as it is.
"""


class PasswordPolicy(msgspec.Struct, frozen=True):
    """What a password needs. `kinds`: at least one character of each, by its name."""

    min_length: int
    max_length: int
    kinds: dict[str, Callable[[str], bool]]


class LoginRates(msgspec.Struct, frozen=True):
    """How many failed logins an address may have, and an account from all addresses that its owner has not used."""

    address: Rate
    account: Rate


class NewAccount(msgspec.Struct, frozen=True):
    """Someone who signs up."""

    email: str
    password: str
    name: str
    role: str


class Credentials(msgspec.Struct, frozen=True):
    id: UUID
    email: str
    name: str
    role: str
    password_hash: str
    is_verified: bool


INSERT_USER = Scalar(
    UUID,
    """
    insert into users (id, market, email, password_hash, name, role, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $7)
    on conflict (market, lower(email)) where deleted_at is null do nothing returning id""",
)
USER_BY_EMAIL = One(
    Credentials,
    """
    select id, email, name, role, password_hash, email_verified_at is not null as is_verified from users
    where market = $1 and lower(email) = lower($2) and deleted_at is null""",
)
IS_FAMILIAR = Scalar(bool, "select exists (select from sessions where user_id = $1 and remote = $2)")
PASSWORD_IS_STILL = Scalar(bool, "select password_hash = $2 from users where id = $1 and deleted_at is null for share")
ADDRESS = Scalar(str, "select email from users where id = $1 and deleted_at is null")
ROLE_OF = Scalar(str, "select role from users where id = $1 and market = $2 and deleted_at is null")
# A statement of its own: what another change has committed meanwhile is seen by the next one only.
LOCK_USER = Scalar(UUID, "select id from users where id = $1 and deleted_at is null for no key update")
INSERT_ONE_TIME_TOKEN = Run("insert into one_time_tokens (hash, user_id, purpose, expires_at) values ($1, $2, $3, $4)")
USE_ONE_TIME_TOKEN = Scalar(
    UUID,
    """
    update one_time_tokens t set used_at = $4 from users u
    where t.hash = $1 and t.purpose = $2 and t.used_at is null and t.expires_at > $4
        and u.id = t.user_id and u.market = $3 and u.deleted_at is null
    returning t.user_id""",
)
VOID_ONE_TIME_TOKENS = Run(
    "update one_time_tokens set used_at = $3 where user_id = $1 and purpose = $2 and used_at is null"
)
FORGET_ONE_TIME_TOKENS = Run(
    """
    delete from one_time_tokens where hash in (
        select hash from one_time_tokens where expires_at < $1 order by expires_at limit $2
    )"""
)
PASSWORD_HASH = Scalar(str, "select password_hash from users where id = $1 and deleted_at is null")
REPLACE_PASSWORD = Run("update users set password_hash = $3, updated_at = $4 where id = $1 and password_hash = $2")
SET_PASSWORD = Run("update users set password_hash = $2, updated_at = $3 where id = $1")


def checked(account: NewAccount, policy: PasswordPolicy) -> NewAccount:
    """Return the account with its texts trimmed; raises VALIDATION_ERROR that names everything that is wrong."""
    email, name = account.email.strip(), account.name.strip()
    details = _email_problems(email) + password_problems("password", account.password, policy)
    if not 1 <= len(name) <= MAX_NAME or "\0" in name:
        details.append(Detail("name", f"Must have 1 to {MAX_NAME} characters"))
    if details:
        raise errors.VALIDATION_ERROR.error(details=details)
    return msgspec.structs.replace(account, email=email, name=name)


async def create_account(ctx: Ctx, db: Connection, new: NewAccount, password_hash: str) -> Account:
    """Store a checked account; raises EMAIL_EXISTS. The hash comes from before the transaction: it takes long."""
    id = await INSERT_USER(db, uuid7(), ctx.market, new.email, password_hash, new.name, new.role, clock.now())
    if id is None:
        raise errors.EMAIL_EXISTS.error(details=[Detail("email", "An account with this email exists")])
    return Account(id, new.email, new.name, new.role)


async def login(ctx: Ctx, email: str, password: str, rates: LoginRates) -> tuple[Account, Tokens]:
    """Open a session; raises INVALID_CREDENTIALS, or RATE_LIMITED after too many failures.

    Whoever guesses from many addresses is stopped by the account's limit. Its owner is not: it does not count where she
    has logged in before.
    """
    known = await USER_BY_EMAIL(ctx.db, ctx.market, email.strip()) if _storable(email) else None
    taken = [(rates.address, ctx.remote)]
    if not (known and await IS_FAMILIAR(ctx.db, known.id, ctx.remote)):
        taken.append((rates.account, email.strip().lower()))
    # Taken before the check and given back on success: attempts that run at once must not all slip through.
    for rate, subject in taken:
        await limits.take(ctx, rate, subject)
    if not await verify_password(known.password_hash if known else None, password) or known is None:
        raise errors.INVALID_CREDENTIALS.error()
    for rate, subject in taken:
        await limits.give_back(ctx, rate, subject)
    account = Account(known.id, known.email, known.name, known.role)
    async with transaction(ctx.db) as db:
        # A reset that was committed meanwhile has ended all sessions: none may come up by the old password after it.
        if not await PASSWORD_IS_STILL(db, known.id, known.password_hash):
            raise errors.INVALID_CREDENTIALS.error()
        return account, await sessions.start(ctx, db, account)


async def role_of(ctx: Ctx, user_id: UUID) -> str:
    """Return the role of a user of this marketplace; raises USER_NOT_FOUND."""
    role = await ROLE_OF(ctx.db, user_id, ctx.market)
    if role is None:
        raise errors.USER_NOT_FOUND.error()
    return role


async def mail_reset(ctx: Ctx, email: str, title: str, rate: Rate) -> None:
    """Mail a code that sets a new password, if there is such an account; the answer is the same if not."""
    email = checked_email(email)
    await limits.take(ctx, rate, email.lower())
    known = await USER_BY_EMAIL(ctx.db, ctx.market, email)
    if known is None:
        return
    token = secrets.token_urlsafe(32)
    # Queued before the commit: if Redis is away, nothing is stored and the caller is told to try again.
    async with transaction(ctx.db) as db:
        await INSERT_ONE_TIME_TOKEN(db, digest(token), known.id, RESET, clock.now() + RESET_LIFETIME)
        await ctx.resources.jobs.enqueue(_reset_mail(ctx, known.id, title, token))


async def reset_password(ctx: Ctx, token: str, password: str, policy: PasswordPolicy) -> None:
    """Set a new password with a mailed code and end all sessions; raises VALIDATION_ERROR, INVALID_RESET_TOKEN."""
    if problems := password_problems("newPassword", password, policy):
        raise errors.VALIDATION_ERROR.error(details=problems)
    password_hash = await hash_password(password)
    now = clock.now()
    async with transaction(ctx.db) as db:
        user_id = await USE_ONE_TIME_TOKEN(db, digest(token), RESET, ctx.market, now)
        if user_id is None:
            raise errors.INVALID_RESET_TOKEN.error()
        await VOID_ONE_TIME_TOKENS(db, user_id, RESET, now)
        await SET_PASSWORD(db, user_id, password_hash, now)
        ended = await sessions.end_all(db, user_id, "password reset")
    ctx.publisher.end_sessions(ended)


async def change_password(ctx: Ctx, current: str, new: str, policy: PasswordPolicy, rate: Rate) -> None:
    """Set a new password and end all other sessions; raises VALIDATION_ERROR, RATE_LIMITED after too many wrong ones."""
    await limits.take(ctx, rate, str(ctx.user.id))
    stored = await PASSWORD_HASH(ctx.db, ctx.user.id)
    if not await verify_password(stored, current):
        raise _wrong_password()
    await limits.give_back(ctx, rate, str(ctx.user.id))
    if problems := password_problems("newPassword", new, policy):
        raise errors.VALIDATION_ERROR.error(details=problems)
    password_hash, now = await hash_password(new), clock.now()
    async with transaction(ctx.db) as db:
        if not await REPLACE_PASSWORD(db, ctx.user.id, stored, password_hash, now):
            raise _wrong_password()
        await VOID_ONE_TIME_TOKENS(db, ctx.user.id, RESET, now)
        ended = await sessions.end_others(ctx, db, "password changed")
    ctx.publisher.end_sessions(ended)


def password_problems(field: str, password: str, policy: PasswordPolicy) -> list[Detail]:
    """Return what a password lacks."""
    problems = []
    if not policy.min_length <= len(password) <= policy.max_length:
        problems.append(Detail(field, f"Must have {policy.min_length} to {policy.max_length} characters"))
    problems += [
        Detail(field, f"Must contain {kind}") for kind, fits in policy.kinds.items() if not any(map(fits, password))
    ]
    return problems


def checked_email(email: str) -> str:
    """Return an address without blanks around it; raises VALIDATION_ERROR."""
    email = email.strip()
    if problems := _email_problems(email):
        raise errors.VALIDATION_ERROR.error(details=problems)
    return email


def _email_problems(email: str) -> list[Detail]:
    if len(email) <= MAX_EMAIL and EMAIL.fullmatch(email):
        return []
    return [Detail("email", "Invalid email format")]


def _storable(text: str) -> bool:
    return "\0" not in text


def digest(token: str) -> bytes:
    """Return what is stored of a mailed code."""
    return hashlib.sha256(token.encode()).digest()


def _wrong_password() -> errors.AppError:
    return errors.invalid("currentPassword", "Wrong password")


def _reset_mail(ctx: Ctx, to: UUID, title: str, token: str) -> MailUser:
    link = f"{ctx.resources.settings.public_url}/#reset={token}"
    return MailUser(str(to), f"Your new password at {title}", RESET_TEXT.format(title=title, link=link, token=token))
