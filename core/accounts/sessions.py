"""Sessions: one per login, with a family of refresh tokens that replace each other. A reuse ends the session.

What ends a session ends all that it has made in the same transaction (credentials.py), and closes its sockets after it.

A refresh token is good for one use. For a grace of seconds its second use gets the same successor, because two tabs refresh
at once and answers get lost; after that, someone else has it, so nobody may go on with any token of the family.
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from msgspec import UNSET

from core.accounts import credentials
from core.accounts.contacts import email_of
from core.accounts.status.states import IS_ACTIVE, STATUS, refusal, refusal_of
from core.base import clock, errors
from core.base.ids import uuid7
from core.platform.db import Connection, Many, One, Run, Scalar, found
from core.platform.tokens import Access, Refresh, expiry
from core.work.context import Ctx
from core.work.personal_data import PersonalData, rows_of
from core.work.rules.accounts import Status
from core.work.unit_of_work import UnitOfWork, unit_of_work

REUSE_GRACE = timedelta(seconds=10)
MAX_USER_AGENT = 255


class Account(msgspec.Struct, frozen=True):
    """Who logs in."""

    id: UUID
    email: str | None
    name: str
    role: str


class Tokens(msgspec.Struct, frozen=True, rename="camel"):
    """What a client holds."""

    access_token: str
    refresh_token: str


class SessionView(msgspec.Struct, frozen=True, rename="camel"):
    """A login as its user sees it. `device` is what the browser or app says of itself; `lastSeenAt`: its last refresh."""

    id: UUID
    device: str
    ip: str
    created_at: datetime
    last_seen_at: datetime
    current: bool


class RefreshRow(msgspec.Struct, frozen=True):
    session_id: UUID
    used_at: datetime | None
    successor_id: UUID | None
    ended_at: datetime | None
    id: UUID
    email: str | None
    name: str
    role: str
    status: Status
    status_until: datetime | None


class Ended(msgspec.Struct, frozen=True):
    id: UUID


# Only for who may use her account. Holds her row: a change of her status ends this session, or comes before it.
INSERT_SESSION = Run(
    f"""
    insert into sessions (id, user_id, user_agent, remote, created_at)
    select $1, u.id, $3, $4, $5 from users u where u.id = $2 and u.deleted_at is null and {IS_ACTIVE} for share"""  # noqa: S608
)
INSERT_REFRESH_TOKEN = Run("insert into refresh_tokens (id, session_id, issued_at) values ($1, $2, $3)")
USE_REFRESH_TOKEN = Run("update refresh_tokens set used_at = $2, successor_id = $3 where id = $1")
# Whatever locks more than one of them: a user, then her sessions, then what these have made.
# Each is a statement of its own: what another change has committed meanwhile is seen by the next one only.
LOCK_USER = Scalar(UUID, "select id from users where id = $1 and deleted_at is null for no key update")
LOCK_SESSION_OF_TOKEN = Scalar(
    UUID,
    "select id from sessions where id = (select session_id from refresh_tokens where id = $1) for no key update",
)
REFRESH_TOKEN = One(
    RefreshRow,
    f"""
    select r.session_id, r.used_at, r.successor_id, s.ended_at, u.id, {email_of("u")} as email, u.name, u.role, {STATUS}
    from refresh_tokens r join sessions s on s.id = r.session_id join users u on u.id = s.user_id
    where r.id = $1 and u.market = $2 and u.deleted_at is null""",  # noqa: S608
)
SESSION_OF_REFRESH_TOKEN = Scalar(
    UUID,
    """
    select s.id from refresh_tokens r join sessions s on s.id = r.session_id
    where r.id = $1 and s.user_id = $2""",
)
LIST_OF_USER = Many(
    SessionView,
    """
    select s.id, s.user_agent as device, s.remote as ip, s.created_at,
        coalesce(max(r.issued_at), s.created_at) as last_seen_at, s.id = $2 as current
    from sessions s left join refresh_tokens r on r.session_id = s.id
    where s.user_id = $1 and s.ended_at is null group by s.id
    having coalesce(max(r.issued_at), s.created_at) > $3 order by last_seen_at desc, s.id limit 100""",
)
# $2: whose it must be; null: anybody's.
END = Scalar(
    UUID,
    """
    update sessions set ended_at = $3, end_reason = $4
    where id = $1 and ($2::uuid is null or user_id = $2) and ended_at is null returning user_id""",
)
END_OF_USER = Many(
    Ended,
    """
    update sessions set ended_at = $3, end_reason = $4
    where user_id = $1 and id is distinct from $2 and ended_at is null returning id""",
)
# Tidying waits for nobody: sessions that are in use at the moment are left to the next run, with all that hangs on them.
FORGET_ENDED = Run(
    """
    delete from sessions where id in (
        select id from sessions where ended_at < $1 order by ended_at limit $2 for update skip locked
    )"""
)
# Goes by the tokens: of sessions, which last as long as they are used, only those are looked at that lose one.
FORGET_EXPIRED = Scalar(
    int,
    """
    with old as materialized (
        select id, session_id from refresh_tokens where issued_at < $1 order by issued_at limit $2
    ),
    held as materialized (
        select id from sessions where id in (select session_id from old) for update skip locked
    ),
    expired as (
        delete from refresh_tokens where id in (
            select o.id from old o where o.session_id in (select id from held)
        ) returning session_id
    ),
    lapsed as (
        delete from sessions s where s.id in (select session_id from expired)
            and not exists (select from refresh_tokens r where r.session_id = s.id and r.issued_at >= $1)
    )
    select count(*) from expired""",
)
PERSONAL_DATA = PersonalData(
    "sessions",
    frozenset({"sessions", "refresh_tokens"}),
    rows_of("select id, user_agent, remote as ip, created_at, ended_at, end_reason from sessions where user_id = $1"),
    (Run("delete from sessions where user_id = $1"),),
)


async def start(ctx: Ctx, db: Connection, account: Account) -> Tokens:
    """Open a session; raises ACCOUNT_PENDING, ACCOUNT_SUSPENDED, ACCOUNT_BANNED."""
    now = clock.now()
    session_id, token_id = ctx.new_id(), uuid7()
    if not await INSERT_SESSION(db, session_id, account.id, storable(ctx.user_agent), ctx.remote, now):
        raise await refusal_of(db, account.id)
    await INSERT_REFRESH_TOKEN(db, token_id, session_id, now)
    return _sign(ctx, account, session_id, token_id, now)


async def refresh(ctx: Ctx, token: str) -> Tokens:
    """Replace a refresh token; raises INVALID_REFRESH_TOKEN, after ending the session if it was stolen, and as `start` does."""
    claims = ctx.resources.keys.refresh(token)
    now = clock.now()
    async with unit_of_work(ctx) as work:
        db, unknown = work.db, errors.INVALID_REFRESH_TOKEN.error()
        await LOCK_SESSION_OF_TOKEN(db, claims.token_id)
        row = found(await REFRESH_TOKEN(db, claims.token_id, ctx.policy.name), unknown)
        if refused := refusal(row.status, row.status_until):
            raise refused
        if row.ended_at:
            raise unknown
        (row,) = ctx.resources.sealing.opened([row], "email")
        account = Account(row.id, row.email, row.name, row.role)
        if row.used_at is None or row.successor_id is None:
            successor_id = uuid7()
            await INSERT_REFRESH_TOKEN(db, successor_id, row.session_id, now)
            await USE_REFRESH_TOKEN(db, claims.token_id, now, successor_id)
            return _sign(ctx, account, row.session_id, successor_id, now)
        if now - row.used_at <= REUSE_GRACE:
            return _sign(ctx, account, row.session_id, row.successor_id, row.used_at)
        await end(work, row.session_id, row.id, "refresh token reused")
    raise errors.INVALID_REFRESH_TOKEN.error("This refresh token was used before: log in again")


async def end(work: UnitOfWork, session_id: UUID, user_id: UUID | None, reason: str, **facts: object) -> UUID | None:
    """End a live session (of this user; None: of anybody) with its sockets and all that it has made.

    Returns whose it was; None: there is no such session. `facts` go to the audit log.
    """
    owner_id = await END(work.db, session_id, user_id, clock.now(), reason)
    if owner_id:
        await credentials.end_of_sessions(work.db, [session_id])
        await work.record("session.end", session_id, user_id, user_id=str(owner_id), reason=reason, **facts)
        work.end_sessions([session_id])
    return owner_id


async def end_all(
    work: UnitOfWork, user_id: UUID, reason: str, keep: UUID | None = None, *, by_user: bool = True
) -> None:
    """End all sessions of a user, but for `keep`, with their sockets and all else that opens something for her.

    `by_user`: whether she has caused it herself, which the audit log says.
    """
    await LOCK_USER(work.db, user_id)
    ended = [session.id for session in await END_OF_USER(work.db, user_id, keep, clock.now(), reason)]
    await credentials.end_of_sessions(work.db, ended)
    await credentials.end_of_user(work.db, user_id)
    sessions = [str(id) for id in ended]
    await work.record("session.end_all", user_id, user_id if by_user else None, reason=reason, sessions=sessions)
    work.end_sessions(ended)


async def log_out(ctx: Ctx, refresh_token: str | None) -> None:
    """End the session of a refresh token of the caller, or the caller's own; raises INVALID_REFRESH_TOKEN."""
    session_id: UUID | None = ctx.user.session_id
    if refresh_token is not None:
        token_id = ctx.resources.keys.refresh(refresh_token).token_id
        session_id = await SESSION_OF_REFRESH_TOKEN(ctx.db, token_id, ctx.user.id)
    if session_id is None:
        raise errors.INVALID_REFRESH_TOKEN.error()
    async with unit_of_work(ctx) as work:
        await end(work, session_id, ctx.user.id, "logged out")


async def list_of_user(ctx: Ctx) -> list[SessionView]:
    """Return the caller's sessions, the one used last first."""
    return await LIST_OF_USER(ctx.db, ctx.user.id, ctx.user.session_id, clock.now() - ctx.policy.refresh_lifetime)


async def end_one(ctx: Ctx, session_id: UUID) -> None:
    """End one of the caller's sessions; raises SESSION_NOT_FOUND."""
    async with unit_of_work(ctx) as work:
        if not await end(work, session_id, ctx.user.id, "ended by its user"):
            raise errors.SESSION_NOT_FOUND.error()


async def end_others(ctx: Ctx) -> None:
    """End all sessions of the caller but this one, and all else that opens something for her."""
    async with unit_of_work(ctx) as work:
        await end_all(work, ctx.user.id, "ended by its user", keep=ctx.user.session_id)


def _sign(ctx: Ctx, account: Account, session_id: UUID, token_id: UUID, issued: datetime) -> Tokens:
    keys, policy, now = ctx.resources.keys, ctx.policy, clock.now()
    access = Access(
        account.id,
        account.email,
        account.role,
        policy.name,
        session_id,
        **expiry(now, policy.access_lifetime),
        iss=policy.issuer or UNSET,
        aud=policy.audience or UNSET,
    )
    refresh = Refresh(account.id, token_id, policy.name, **expiry(issued, policy.refresh_lifetime))
    return Tokens(keys.sign(access), keys.sign(refresh))


def storable(header: str) -> str:
    """Headers are bytes: what is not UTF-8 in them cannot be stored."""
    return header[:MAX_USER_AGENT].encode(errors="replace").decode().replace("\0", "")
