"""API keys: how programs show on whose behalf they call, and what for.

`talent_k3v9q1x8_...`: the prefixes of the marketplace and of the key, which may be seen, then a secret, shown once and stored
as its SHA-256. A key ends with all logins of its user, so that one which a thief has made does not outlive a new password.
"""

import hmac
import re
import secrets
import string
from collections.abc import Collection
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec

from core.accounts import logins, sessions
from core.accounts.contacts import email_of
from core.accounts.status.states import IS_ACTIVE
from core.base import clock, errors
from core.base.people import Person
from core.platform.db import Connection, Many, One, Run, Scalar, found
from core.work import rate_limits as limits
from core.work.context import Ctx, User
from core.work.personal_data import PersonalData, rows_of
from core.work.rules import required
from core.work.unit_of_work import unit_of_work

LETTERS: Final = string.ascii_lowercase + string.digits
PREFIX_LETTERS: Final = 8
SECRET_LETTERS: Final = 40  # 206 bits: nobody guesses it, so a quick hash is enough
USED_EVERY: Final = timedelta(minutes=1)  # the last use is written no more often
KEPT: Final = timedelta(days=90)  # after it has ended, for the list and the questions that come later
_KEY: Final = re.compile(rf"([a-z][a-z0-9]{{0,15}}_[a-z0-9]{{{PREFIX_LETTERS}}})_[a-z0-9]{{{SECRET_LETTERS}}}")


class ApiKeyView(msgspec.Struct, frozen=True, rename="camel"):
    """A key without its secret. `prefix` is how it begins; `successorId`: the key that it was rotated to."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    successor_id: UUID | None


class NewApiKey(msgspec.Struct, frozen=True, rename="camel"):
    """A key that was made now; `key` is shown this once."""

    key: str
    api_key: ApiKeyView


class KeyRow(msgspec.Struct, frozen=True):
    """A live key and its user."""

    id: UUID
    hash: bytes
    scopes: list[str]
    last_used_at: datetime | None
    user_id: UUID
    name: str
    avatar_url: str | None
    email: str | None
    role: str


class KeyCaller(msgspec.Struct, frozen=True):
    """Who calls with a key: its user, as whom it acts within these scopes."""

    key_id: UUID
    scopes: frozenset[str]
    user: User

    def require(self, scope: str) -> None:
        """Raise FORBIDDEN unless the key is for this."""
        if scope not in self.scopes:
            raise errors.FORBIDDEN.error(f"The API key is not for {scope}")


_VIEW = """id, name, prefix, scopes, created_at, expires_at, last_used_at, revoked_at, successor_id from api_keys"""
INSERT = Run(
    """
    insert into api_keys (id, market, user_id, name, prefix, hash, scopes, created_at, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"""
)
LIVE_OF_USER = Scalar(
    int, "select count(*) from api_keys where user_id = $1 and revoked_at is null and expires_at > $2"
)
LIST_OF_USER = Many(ApiKeyView, f"select {_VIEW} where user_id = $1 order by id desc limit 100")
LOCK_LIVE = One(
    ApiKeyView,
    f"select {_VIEW} where id = $1 and user_id = $2 and revoked_at is null and expires_at > $3 for no key update",
)
LIVE_KEY = One(
    KeyRow,
    f"""
    select k.id, k.hash, k.scopes, k.last_used_at, u.id as user_id, u.name, u.avatar_url, {email_of("u")} as email, u.role
    from api_keys k join users u on u.id = k.user_id
    where k.prefix = $1 and k.market = $2 and k.revoked_at is null and k.expires_at > $3
        and u.deleted_at is null and {IS_ACTIVE}""",  # noqa: S608
)
NOTE_USE = Run("update api_keys set last_used_at = $2 where id = $1 and (last_used_at is null or last_used_at <= $3)")
SUPERSEDE = Run("update api_keys set successor_id = $2, expires_at = least(expires_at, $3) where id = $1")
REVOKE = Run(
    "update api_keys set revoked_at = $3 where id = $1 and user_id = $2 and revoked_at is null and expires_at > $3"
)
FORGET = Run(
    """
    delete from api_keys where id in (
        select id from api_keys where least(expires_at, revoked_at) < $1
        order by least(expires_at, revoked_at) limit $2 for update skip locked
    )"""
)
PERSONAL_DATA = PersonalData(
    "api keys",
    frozenset({"api_keys"}),
    rows_of(f"select {_VIEW} where user_id = $1 order by id"),
    (Run("delete from api_keys where user_id = $1"),),
)


async def create(ctx: Ctx, name: str, scopes: Collection[str], expires_at: datetime | None = None) -> NewApiKey:
    """Make a key of the caller, whose login must be a recent one: see identity.require_recent_login. `name` is a fields.Name.

    Raises VALIDATION_ERROR, SESSION_ENDED, TOO_MANY_API_KEYS.
    """
    rules, now = required(ctx.policy.api_keys), clock.now()
    expires_at = expires_at or now + rules.longest
    if not scopes or not rules.scopes.issuperset(scopes):
        raise errors.invalid("scopes", f"Must be some of {', '.join(sorted(rules.scopes))}")
    if not now < expires_at <= now + rules.longest:
        raise errors.invalid("expiresAt", f"Must be within {rules.longest.days} days from now")
    async with unit_of_work(ctx) as work:
        await _lock(ctx, work.db)
        if (await LIVE_OF_USER(work.db, ctx.user.id, now) or 0) >= rules.most:
            raise errors.TOO_MANY_API_KEYS.error()
        made = await _insert(ctx, work.db, name, sorted(set(scopes)), expires_at)
        await work.record("api_key.create", made.api_key.id, scopes=made.api_key.scopes)
    return made


async def list_of_user(ctx: Ctx) -> list[ApiKeyView]:
    """Return the caller's keys, the newest first; those that have ended too, for a while."""
    return await LIST_OF_USER(ctx.db, ctx.user.id)


async def rotate(ctx: Ctx, key_id: UUID, overlap: timedelta | None = None) -> NewApiKey:
    """Make a successor of one of the caller's keys, which goes on for `overlap` (at most the marketplace's).

    The successor lasts as long as the key was meant to when it was made. Raises API_KEY_NOT_FOUND, API_KEY_ROTATED.
    """
    rules, now = required(ctx.policy.api_keys), clock.now()
    ends_at = now + min(max(rules.overlap if overlap is None else overlap, timedelta(0)), rules.overlap)
    async with unit_of_work(ctx) as work:
        await _lock(ctx, work.db)
        old = found(await LOCK_LIVE(work.db, key_id, ctx.user.id, now), errors.API_KEY_NOT_FOUND.error())
        if old.successor_id:
            raise errors.API_KEY_ROTATED.error()
        lifetime = min(old.expires_at - old.created_at, rules.longest)
        scopes = [scope for scope in old.scopes if scope in rules.scopes]
        made = await _insert(ctx, work.db, old.name, scopes, now + lifetime)
        await SUPERSEDE(work.db, old.id, made.api_key.id, ends_at)
        await work.record("api_key.rotate", old.id, successor=str(made.api_key.id))
    return made


async def revoke(ctx: Ctx, key_id: UUID) -> None:
    """End one of the caller's keys at once; raises API_KEY_NOT_FOUND."""
    async with unit_of_work(ctx) as work:
        await sessions.LOCK_USER(work.db, ctx.user.id)
        if not await REVOKE(work.db, key_id, ctx.user.id, clock.now()):
            raise errors.API_KEY_NOT_FOUND.error()
        await work.record("api_key.revoke", key_id)


def shown(authorization: str, x_api_key: str) -> str:
    """Return the key that a request shows, in `X-API-Key` or as a Bearer token; "" where that is no key but a token of ours."""
    if x_api_key:
        return x_api_key
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" and _KEY.fullmatch(token.strip()) else ""


async def authenticate(ctx: Ctx, key: str) -> KeyCaller:
    """Return who calls with a key, and count the call.

    Raises RATE_LIMITED, and UNAUTHORIZED, the same for all that is wrong with a key. Wrong ones count where wrong tokens do.
    """
    (row,) = ctx.resources.sealing.opened([await _live(ctx, key)], "email")
    await limits.take(ctx, required(ctx.policy.api_keys).calls, f"api key {row.id}")
    now = clock.now()
    if row.last_used_at is None or row.last_used_at <= now - USED_EVERY:
        await NOTE_USE(ctx.resources.db, row.id, now, now - USED_EVERY)
    # There is no session behind it: the key's id names none, so what needs one finds it ended.
    user = User(
        row.user_id, ctx.policy.name, row.role, row.email, row.id, Person(row.user_id, row.name, row.avatar_url)
    )
    return KeyCaller(row.id, frozenset(row.scopes), user)


async def _live(ctx: Ctx, key: str) -> KeyRow:
    wrong = errors.UNAUTHORIZED.error("The API key is not valid")
    match = _KEY.fullmatch(key)
    row = await LIVE_KEY(ctx.db, match[1], ctx.policy.name, clock.now()) if match else None
    if row is None or not hmac.compare_digest(row.hash, _digest(key)):
        raise wrong
    return row


async def _lock(ctx: Ctx, db: Connection) -> None:
    """Lock the caller, whose logins may all have ended since she showed hers; raises SESSION_ENDED."""
    await sessions.LOCK_USER(db, ctx.user.id)
    if await logins.HOLD(db, ctx.user.session_id) is None:
        raise errors.SESSION_ENDED.error()


async def _insert(ctx: Ctx, db: Connection, name: str, scopes: list[str], expires_at: datetime) -> NewApiKey:
    id, now = ctx.new_id(), clock.now()
    prefix = f"{required(ctx.policy.api_keys).prefix}_{_random(PREFIX_LETTERS)}"
    key = f"{prefix}_{_random(SECRET_LETTERS)}"
    await INSERT(db, id, ctx.policy.name, ctx.user.id, name, prefix, _digest(key), scopes, now, expires_at)
    return NewApiKey(key, ApiKeyView(id, name, prefix, scopes, now, expires_at, None, None, None))


def _random(letters: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(letters))


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()
