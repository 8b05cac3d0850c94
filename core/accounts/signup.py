"""Signing up: a new account, its first session and the mail that welcomes its user."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias
from uuid import UUID

import msgspec

from core.accounts import emails, sessions, verification
from core.accounts.contacts import EMAIL, PHONE, forms, stored
from core.accounts.identity import USER_BY_EMAIL
from core.accounts.sessions import Account, Tokens
from core.accounts.status.states import refusal
from core.base import clock, errors
from core.base.errors import Detail
from core.platform.db import Connection, Scalar
from core.platform.passwords import NO_PASSWORD
from core.work import rate_limits as limits
from core.work.context import Ctx
from core.work.jobs import MailVerification
from core.work.unit_of_work import unit_of_work

# Stores what else the call brings of a new user, in the transaction that stores the account, after `Policy.joined`.
Rest: TypeAlias = Callable[[Connection, UUID], Awaitable[None]]


class NewAccount(msgspec.Struct, frozen=True):
    """Someone who signs up; `name` is a core.text.fields.Name."""

    email: str
    password: str
    name: str
    role: str


INSERT_USER = Scalar(
    UUID,
    """
    insert into users (
        id, market, status, name, role, email, sealed_email, email_verified_at, phone, sealed_phone, phone_verified_at,
        password_hash, created_at, updated_at
    )
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)
    on conflict do nothing returning id""",
)


async def sign_up(ctx: Ctx, new: NewAccount, rest: Rest | None = None) -> tuple[Account, Tokens]:
    """Create an account and log its user in.

    Raises VALIDATION_ERROR, RATE_LIMITED, EMAIL_EXISTS; and ACCOUNT_PENDING once an account is stored that must be approved.
    """
    new = _checked(ctx, new)
    password_hash = await _hash(ctx, new)  # before the transaction: it takes long
    is_mailed = await verification.may_welcome(ctx, new.email)
    async with unit_of_work(ctx) as work:
        account = await make_account(ctx, work.db, new.name, new.role, email=new.email, password_hash=password_hash)
        if account is None:
            raise _email_exists()
        if rest:
            await rest(work.db, account.id)
        if is_mailed:
            work.enqueue(MailVerification(str(account.id)))
        refused = refusal(ctx.policy.initial_status, None)
        if refused is None:
            return account, await sessions.start(ctx, work.db, account)
    raise refused


async def make_account(
    ctx: Ctx,
    db: Connection,
    name: str,
    role: str,
    *,
    email: str | None = None,
    phone: str | None = None,
    is_proven: bool = False,
    password_hash: str = NO_PASSWORD,
) -> Account | None:
    """Store a new account, with what its marketplace keeps beside it; None: the address or the number has an account.

    `is_proven`: address and number are known to be the user's.
    """
    policy, now, id = ctx.policy, clock.now(), ctx.new_id()
    proofs = [now if given and is_proven else None for given in (email, phone)]
    address = (*stored(ctx, EMAIL, id, email, emails.canonical(email or "")), proofs[0])
    number = (*stored(ctx, PHONE, id, phone, phone), proofs[1])
    row = (policy.initial_status, name, role, *address, *number, password_hash, now)
    if await INSERT_USER(db, id, policy.name, *row) is None:
        return None
    await policy.joined(db, id, role)
    return Account(id, email, name, role)


def _checked(ctx: Ctx, new: NewAccount) -> NewAccount:
    """Return the account with its address trimmed; raises VALIDATION_ERROR that names everything that is wrong."""
    email = emails.trimmed(new.email) or ""
    if details := emails.problems(email) + ctx.policy.passwords.problems("password", new.password):
        raise errors.VALIDATION_ERROR.error(details=details)
    return msgspec.structs.replace(new, email=email)


async def _hash(ctx: Ctx, new: NewAccount) -> str:
    """Return the hash of the password; raises RATE_LIMITED, EMAIL_EXISTS before any work goes into it."""
    await limits.take(ctx, ctx.policy.sign_ups, ctx.remote)
    email = emails.canonical(new.email)
    if await USER_BY_EMAIL(ctx.db, ctx.policy.name, forms(ctx.resources.sealing, ctx.policy, EMAIL, email)):
        raise _email_exists()
    return await ctx.resources.passwords.hash(new.password, ctx.remote)


def _email_exists() -> errors.AppError:
    return errors.EMAIL_EXISTS.error(details=[Detail("email", "An account with this email exists")])
