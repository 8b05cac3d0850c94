"""Change of e-mail: asked for by its user, and done when both mailboxes have confirmed it, in any order.

Where there is no address yet, the new one alone confirms. The answer is the same whether or not the new address has an account;
only that mailbox gets a mail that says so. The codes are one-time tokens: one for each mailbox, and one by which the old one
cancels what its user has not asked for. What ends all logins cancels a change that is pending, and a change that is done ends all
logins but the one that asked for it.
"""

from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from core.accounts import emails, logins, sessions
from core.accounts.alerts import described
from core.accounts.attempts import attempt
from core.accounts.contacts import EMAIL, stored
from core.accounts.credentials import END_EMAIL_CHANGES
from core.accounts.emails import take_mail
from core.accounts.one_time import tokens
from core.base import clock, errors
from core.base.events import UserUpdated
from core.base.ids import uuid7
from core.base.people import Person
from core.limits.address import masked
from core.platform.db import Connection, One, Run, Scalar, UniqueViolation, found
from core.work.context import Ctx
from core.work.jobs import MailEmailChange
from core.work.personal_data import PersonalData, rows_of
from core.work.unit_of_work import UnitOfWork, unit_of_work

Purpose: TypeAlias = Literal["email change, old address", "email change, new address", "email change, cancellation"]
OLD: Final = "email change, old address"
NEW: Final = "email change, new address"
CANCEL: Final = "email change, cancellation"
PURPOSES: tuple[Purpose, ...] = (OLD, NEW, CANCEL)
LIFETIME = timedelta(hours=24)
# After it has expired, also where it was done: by then the mail to the old address is sent, or will never be.
KEPT = timedelta(days=7)


class Pending(msgspec.Struct, frozen=True):
    """A change that is asked for. `old_email`: empty where there was none."""

    user_id: UUID
    market: str
    old_email: str
    new_email: str
    expires_at: datetime


class Confirmed(msgspec.Struct, frozen=True):
    """A change that one mailbox has confirmed; `is_complete`: both have."""

    id: UUID
    session_id: UUID
    new_email: str
    is_complete: bool


# Sealed as the user's own address is.
_OLD, _NEW = (f"placed(c.{name}, '{EMAIL} ' || c.user_id)" for name in ("old_email", "new_email"))
INSERT = Run(
    """
    insert into email_changes (id, user_id, session_id, old_email, new_email, asked_at, expires_at, old_confirmed_at)
    select $1, id, $3, coalesce(sealed_email, email, ''), $4, $5, $6, case when email is null then $5::timestamptz end
    from users where id = $2"""
)
# Holds the change until its codes are stored: what cancels it meanwhile ends these, too.
HOLD_PENDING = One(
    Pending,
    f"""
    select c.user_id, u.market, {_OLD} as old_email, {_NEW} as new_email, c.expires_at
    from email_changes c join users u on u.id = c.user_id
    where c.id = $1 and c.changed_at is null and c.expires_at > $2 and u.deleted_at is null for share of c""",  # noqa: S608
)
ADDRESS = Scalar(
    str,
    f"""
    select case when $2::text = 'old' then {_OLD} else {_NEW} end
    from email_changes c join users u on u.id = c.user_id where c.id = $1 and u.deleted_at is null""",  # noqa: S608
)
MARKET_OF = Scalar(
    str,
    "select u.market from email_changes c join users u on u.id = c.user_id where c.id = $1 and u.deleted_at is null",
)
# $2: whether that is the new address's mailbox.
CONFIRM = One(
    Confirmed,
    f"""
    update email_changes c set
        old_confirmed_at = case when $2::bool then old_confirmed_at else $3 end,
        new_confirmed_at = case when $2 then $3 else new_confirmed_at end
    where user_id = $1 and changed_at is null and expires_at > $3
    returning id, session_id, {_NEW} as new_email,
        old_confirmed_at is not null and new_confirmed_at is not null as is_complete""",  # noqa: S608
)
DONE = Run("update email_changes set changed_at = $2 where id = $1")
# It has confirmed that it is hers, so it counts as verified.
SET_EMAIL = One(
    Person,
    """
    update users set email = $2, sealed_email = $3, email_verified_at = $4, updated_at = $4 where id = $1
    returning id, name, avatar_url""",
)
FORGET = Run(
    """
    delete from email_changes where id in (
        select id from email_changes where expires_at < $1 order by expires_at limit $2 for update skip locked
    )"""
)
PERSONAL_DATA = PersonalData(
    "email changes",
    frozenset({"email_changes"}),
    rows_of(
        f"""
        select {_OLD} as old_email, {_NEW} as new_email, asked_at, expires_at, old_confirmed_at, new_confirmed_at,
            changed_at
        from email_changes c where user_id = $1 order by id"""  # noqa: S608
    ),
    (Run("delete from email_changes where user_id = $1"),),
)


async def ask(ctx: Ctx, new_email: str) -> None:
    """Have both mailboxes asked whether the caller's address becomes `new_email`; replaces what she has asked for before.

    Raises VALIDATION_ERROR, RATE_LIMITED. What it does is the same whether there is an account with that address or not.
    """
    old_emails = [ctx.user.email] if ctx.user.email else []
    if emails.canonical(new_email) in map(emails.canonical, old_emails):
        raise errors.invalid("newEmail", "This is your address already")
    await take_mail(ctx, new_email, ctx.policy.email_change, *old_emails)
    id, now = uuid7(), clock.now()
    async with unit_of_work(ctx) as work:
        await sessions.LOCK_USER(work.db, ctx.user.id)
        # All logins may have ended since the caller showed hers.
        if await logins.HOLD(work.db, ctx.user.session_id) is None:
            raise errors.SESSION_ENDED.error()
        await _cancel(work, ctx.user.id)
        address = stored(ctx, EMAIL, ctx.user.id, new_email, emails.canonical(new_email))
        await INSERT(work.db, id, ctx.user.id, ctx.user.session_id, address[1] or new_email, now, now + LIFETIME)
        await work.record("user.ask_email_change", ctx.user.id)
        work.enqueue(_mail(ctx, id, "asked"))


async def confirm(ctx: Ctx, token: str) -> bool:
    """Confirm a change with the code that one of the mailboxes got; return whether it is done, as both have confirmed it.

    Raises INVALID_VERIFICATION_TOKEN, RATE_LIMITED after too many wrong ones, EMAIL_EXISTS if the address has an account by now.
    """
    async with attempt(ctx, (ctx.policy.codes, ctx.remote)), unit_of_work(ctx) as work:
        user_id, purpose = await _use_code(ctx, work.db, token, OLD, NEW)
        is_new = purpose == NEW
        change = found(await CONFIRM(work.db, user_id, is_new, clock.now()), _invalid())
        await work.record("user.confirm_email_change", user_id, by=user_id, address="new" if is_new else "old")
        if change.is_complete:
            await _finish(ctx, work, user_id, change)
    return change.is_complete


async def cancel(ctx: Ctx, token: str) -> None:
    """Cancel a change with the code for it that the old mailbox got; raises INVALID_VERIFICATION_TOKEN, RATE_LIMITED."""
    async with attempt(ctx, (ctx.policy.codes, ctx.remote)), unit_of_work(ctx) as work:
        user_id, _ = await _use_code(ctx, work.db, token, CANCEL)
        await _cancel(work, user_id)


async def cancel_own(ctx: Ctx) -> None:
    """Cancel what the caller has asked for, if that is not done yet."""
    async with unit_of_work(ctx) as work:
        await sessions.LOCK_USER(work.db, ctx.user.id)
        await _cancel(work, ctx.user.id)


async def _use_code(ctx: Ctx, db: Connection, token: str, *purposes: Purpose) -> tuple[UUID, Purpose]:
    """Use a code for one of these up, lock its user, and return both; raises INVALID_VERIFICATION_TOKEN."""
    hash, now = tokens.digest(token), clock.now()
    for purpose in purposes:
        if owner := await tokens.OWNER(db, hash, purpose, ctx.policy.name, now):
            await sessions.LOCK_USER(db, owner.id)
            if await tokens.USE(db, hash, purpose, ctx.policy.name, now):
                return owner.id, purpose
    raise _invalid()


async def _finish(ctx: Ctx, work: UnitOfWork, user_id: UUID, change: Confirmed) -> None:
    now, email = clock.now(), ctx.resources.sealing.open(change.new_email)
    try:
        person = await SET_EMAIL(work.db, user_id, *stored(ctx, EMAIL, user_id, email, emails.canonical(email)), now)
    except UniqueViolation:
        raise errors.EMAIL_EXISTS.error() from None
    await DONE(work.db, change.id, now)
    await work.record("user.change_email", user_id, by=user_id)
    work.enqueue(_mail(ctx, change.id, "done"))
    work.emit([user_id], UserUpdated(found(person, _invalid())))
    await sessions.end_all(work, user_id, "e-mail changed", keep=change.session_id)


async def _cancel(work: UnitOfWork, user_id: UUID) -> None:
    """Delete what a user, who is locked, has asked for, and end its codes."""
    if await END_EMAIL_CHANGES(work.db, user_id):
        await tokens.VOID(work.db, user_id, PURPOSES, clock.now())
        await work.record("user.cancel_email_change", user_id, by=user_id)


def _mail(ctx: Ctx, change_id: UUID, about: Literal["asked", "done"]) -> MailEmailChange:
    return MailEmailChange(str(change_id), about, clock.now(), described(ctx.user_agent), masked(ctx.remote))


def _invalid() -> errors.AppError:
    return errors.INVALID_VERIFICATION_TOKEN.error()
