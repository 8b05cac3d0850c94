"""Whose account the account of a provider belongs to: found, linked, made, unlinked.

Nobody gets into an account by an address that somebody only says is hers. An account whose address is not verified may be a
stranger's who waits for its owner, so nothing is linked to it; and an address that the provider has not verified is not stored.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from core.accounts import emails, logins, sessions, signup
from core.accounts.contacts import EMAIL, forms
from core.accounts.oauth.profile import Profile, storable_name
from core.accounts.one_time import tokens
from core.base import clock, errors
from core.base.ids import uuid7
from core.platform.db import Many, One, Run, Scalar, UniqueViolation
from core.platform.passwords import NO_PASSWORD
from core.work import rate_limits as limits
from core.work.context import Ctx
from core.work.personal_data import PersonalData, rows_of
from core.work.rules import required
from core.work.unit_of_work import UnitOfWork, unit_of_work

LOGIN: Final = "oauth login"  # the purpose of the codes that a page exchanges for tokens
CODE_LIFETIME = timedelta(minutes=1)  # a page does so at once


class LinkView(msgspec.Struct, frozen=True, rename="camel"):
    """A provider that its user can log in by."""

    provider: str
    linked_at: datetime
    last_used_at: datetime | None


class Owner(msgspec.Struct, frozen=True):
    """Whose account has an address."""

    id: UUID
    is_verified: bool


class Ways(msgspec.Struct, frozen=True):
    """By what a user can log in."""

    has_password: bool
    has_phone: bool
    links: int


class _RacedError(Exception):
    """Another login has stored the same at the same moment: what it has stored is found at the next look."""


USER_OF = Scalar(
    UUID,
    """
    update oauth_accounts o set last_used_at = $4 from users u
    where o.market = $1 and o.provider = $2 and o.subject = $3 and u.id = o.user_id and u.deleted_at is null
    returning o.user_id""",
)
IS_LINKED = Scalar(UUID, "select user_id from oauth_accounts where market = $1 and provider = $2 and subject = $3")
OWNER = One(
    Owner,
    """
    select id, email_verified_at is not null as is_verified from users
    where market = $1 and lower(email collate "C") = any ($2::text[]) and deleted_at is null for no key update""",
)
# Whether nobody but its user can have made an account: one without an address has another proof of that.
IS_PROVEN = Scalar(
    bool, "select email is null or email_verified_at is not null from users where id = $1 and deleted_at is null"
)
INSERT_LINK = Run(
    """
    insert into oauth_accounts (id, market, provider, subject, user_id, linked_at, last_used_at)
    values ($1, $2, $3, $4, $5, $6, $7)"""
)
LIST_OF_USER = Many(
    LinkView, "select provider, linked_at, last_used_at from oauth_accounts where user_id = $1 order by provider"
)
# Asked after the deletion.
WAYS = One(
    Ways,
    """
    select password_hash not in ('', $2) as has_password, phone_verified_at is not null as has_phone,
        (select count(*) from oauth_accounts where user_id = u.id) as links
    from users u where id = $1""",
)
UNLINK = Run("delete from oauth_accounts where user_id = $1 and provider = $2")
PERSONAL_DATA = PersonalData(
    "login providers",
    frozenset({"oauth_accounts"}),
    rows_of(
        "select provider, subject, linked_at, last_used_at from oauth_accounts where user_id = $1 order by provider"
    ),
    (Run("delete from oauth_accounts where user_id = $1"),),
)


async def user_of(ctx: Ctx, profile: Profile, role: str, code_hash: bytes = b"") -> UUID:
    """Return whose account it is, linked or made now if need be.

    `code_hash` is stored as that of a code by which she logs in, so that unlinking the provider ends the code as well.
    Raises EMAIL_EXISTS if an account has the address that must link the provider itself, OAUTH_NO_ACCOUNT if there is none and
    no role to sign up as, RATE_LIMITED after too many sign-ups.
    """
    rules = required(ctx.policy.oauth)
    if not await IS_LINKED(ctx.db, ctx.policy.name, profile.provider, profile.subject) and role in rules.roles:
        await limits.take(ctx, rules.sign_ups, ctx.remote)
    for _ in range(2):
        try:
            async with unit_of_work(ctx) as work:
                user_id = await _user_of(ctx, work, profile, role)
                if code_hash:
                    await tokens.INSERT(work.db, code_hash, user_id, LOGIN, clock.now() + CODE_LIFETIME)
                return user_id
        except _RacedError:
            continue
    raise errors.UNAVAILABLE.error()


async def link(ctx: Ctx, profile: Profile, user_id: UUID, session_id: UUID) -> None:
    """Link a provider to a user who has asked for it in a session that still lasts.

    Raises SESSION_ENDED, EMAIL_NOT_VERIFIED, OAUTH_ALREADY_LINKED.
    """
    async with unit_of_work(ctx) as work:
        await sessions.LOCK_USER(work.db, user_id)
        if await logins.HOLD(work.db, session_id) is None:
            raise errors.SESSION_ENDED.error()
        if not await IS_PROVEN(work.db, user_id):
            raise errors.EMAIL_NOT_VERIFIED.error()
        if await IS_LINKED(work.db, ctx.policy.name, profile.provider, profile.subject) == user_id:
            return
        try:
            await _insert(ctx, work, profile, user_id, used=False)
        except _RacedError:
            raise errors.OAUTH_ALREADY_LINKED.error() from None


async def check_linkable(ctx: Ctx) -> None:
    """Raise EMAIL_NOT_VERIFIED if the caller must verify her address before she links a provider."""
    if not await IS_PROVEN(ctx.db, ctx.user.id):
        raise errors.EMAIL_NOT_VERIFIED.error()


async def list_of_user(ctx: Ctx) -> list[LinkView]:
    """Return the providers that the caller has linked."""
    return await LIST_OF_USER(ctx.db, ctx.user.id)


async def unlink(ctx: Ctx, provider: str) -> None:
    """Unlink a provider from the caller; raises OAUTH_NOT_LINKED, LAST_LOGIN_METHOD if she could not log in any more."""
    async with unit_of_work(ctx) as work:
        await sessions.LOCK_USER(work.db, ctx.user.id)
        if not await UNLINK(work.db, ctx.user.id, provider):
            raise errors.OAUTH_NOT_LINKED.error()
        ways = await WAYS(work.db, ctx.user.id, NO_PASSWORD)
        if not ways or not (ways.has_password or ways.has_phone or ways.links):
            raise errors.LAST_LOGIN_METHOD.error()
        await tokens.VOID(work.db, ctx.user.id, [LOGIN], clock.now())
        await work.record("oauth.unlink", ctx.user.id, provider=provider)


async def _user_of(ctx: Ctx, work: UnitOfWork, profile: Profile, role: str) -> UUID:
    rules = required(ctx.policy.oauth)
    asked = (ctx.policy.name, profile.provider, profile.subject, clock.now())
    if known := await USER_OF(work.db, *asked):
        return known
    email = emails.trimmed(profile.email or "")
    known_as = forms(ctx.resources.sealing, ctx.policy, EMAIL, emails.canonical(email or ""))
    owner = await OWNER(work.db, ctx.policy.name, known_as) if email else None
    if owner:
        # Now that she is locked: another login may have stored both since we looked.
        if known := await USER_OF(work.db, *asked):
            return known
        if not (owner.is_verified and profile.hosts_email and rules.links_by_email):
            raise errors.EMAIL_EXISTS.error(
                "An account with this email exists: log in to it, and link the provider there"
            )
        return await _link_by_email(ctx, work, profile, owner.id)
    if role not in rules.roles:
        raise errors.OAUTH_NO_ACCOUNT.error()
    return await _sign_up(ctx, work, profile, email, role)


async def _link_by_email(ctx: Ctx, work: UnitOfWork, profile: Profile, user_id: UUID) -> UUID:
    # Her address may have belonged to somebody else when the other account was linked.
    if any(one.provider == profile.provider for one in await LIST_OF_USER(work.db, user_id)):
        raise errors.EMAIL_EXISTS.error()
    await _insert(ctx, work, profile, user_id, used=True)
    return user_id


async def _sign_up(ctx: Ctx, work: UnitOfWork, profile: Profile, email: str | None, role: str) -> UUID:
    name = storable_name(profile.name)
    account = await signup.make_account(ctx, work.db, name, role, email=email, is_proven=True)
    if account is None:
        raise _RacedError
    await work.record("user.sign_up", account.id, by=account.id, provider=profile.provider)
    await _insert(ctx, work, profile, account.id, used=True)
    return account.id


async def _insert(ctx: Ctx, work: UnitOfWork, profile: Profile, user_id: UUID, *, used: bool) -> None:
    now = clock.now()
    try:
        await INSERT_LINK(
            work.db, uuid7(), ctx.policy.name, profile.provider, profile.subject, user_id, now, now if used else None
        )
    except UniqueViolation:
        raise _RacedError from None
    await work.record("oauth.link", user_id, by=user_id, provider=profile.provider)
