"""Who is behind a session: asked at each call and when a socket connects."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from core.accounts.contacts import email_of
from core.accounts.status.states import IS_ACTIVE, STATUS, refusal
from core.base import errors
from core.base.people import Person
from core.platform.db import Db, Many, Scalar
from core.work.context import Resources, User
from core.work.rules.accounts import Status


class Login(msgspec.Struct, frozen=True):
    """A session and the person behind it."""

    session_id: UUID
    user_id: UUID
    name: str
    avatar_url: str | None
    email: str | None
    role: str
    market: str


class Refused(msgspec.Struct, frozen=True):
    """A session whose user may not use her account."""

    session_id: UUID
    status: Status
    status_until: datetime | None


LIVE_SESSIONS = Many(
    Login,
    f"""
    select s.id as session_id, u.id as user_id, u.name, u.avatar_url, {email_of("u")} as email, u.role, u.market
    from sessions s join users u on u.id = s.user_id
    where s.id = any ($1::uuid[]) and s.ended_at is null and u.deleted_at is null and {IS_ACTIVE}""",  # noqa: S608
)
# Also those that have ended: a change of the status ends all of them.
REFUSED_SESSIONS = Many(
    Refused,
    f"""
    select s.id as session_id, {STATUS} from sessions s join users u on u.id = s.user_id
    where s.id = any ($1::uuid[]) and u.deleted_at is null and not {IS_ACTIVE}""",  # noqa: S608
)
# Holds a login, so that it does not end before the transaction does; none: it has ended.
HOLD = Scalar(UUID, "select id from sessions where id = $1 and ended_at is null for share")


async def authenticate(resources: Resources, market: str, access_token: str) -> User:
    """Return whose token this is; raises UNAUTHORIZED, TOKEN_EXPIRED, SESSION_ENDED, and ACCOUNT_... as her status is."""
    claims = resources.keys.access(access_token)
    if claims.market != market:
        raise errors.UNAUTHORIZED.error("The token is for another marketplace")
    logins = await LIVE_SESSIONS(resources.db, [claims.session_id])
    if not logins or logins[0].market != market:
        raise (await refusals(resources.db, [claims.session_id]))[0]
    (login,) = resources.sealing.opened(logins, "email")
    person = Person(login.user_id, login.name, login.avatar_url)
    return User(login.user_id, login.market, login.role, login.email, login.session_id, person)


async def refusals(db: Db, session_ids: Sequence[UUID]) -> list[errors.AppError]:
    """Return why these sessions, each shown by a token that we have signed, are not live."""
    refused = {one.session_id: refusal(one.status, one.status_until) for one in await REFUSED_SESSIONS(db, session_ids)}
    return [refused.get(id) or errors.SESSION_ENDED.error() for id in session_ids]
