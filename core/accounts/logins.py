"""Who is behind a session: asked at each call and when a socket connects."""

from uuid import UUID

import msgspec

from core.base import errors
from core.base.people import Person
from core.platform.db import Many, Scalar
from core.work.context import Resources, User


class Login(msgspec.Struct, frozen=True):
    """A session and the person behind it."""

    session_id: UUID
    user_id: UUID
    name: str
    avatar_url: str | None
    email: str
    role: str
    market: str


LIVE_SESSIONS = Many(
    Login,
    """
    select s.id as session_id, u.id as user_id, u.name, u.avatar_url, u.email, u.role, u.market
    from sessions s join users u on u.id = s.user_id
    where s.id = any ($1::uuid[]) and s.ended_at is null and u.deleted_at is null""",
)
# Holds a login, so that it does not end before the transaction does; none: it has ended.
HOLD = Scalar(UUID, "select id from sessions where id = $1 and ended_at is null for share")


async def authenticate(resources: Resources, market: str, access_token: str) -> User:
    """Return whose token this is; raises UNAUTHORIZED, TOKEN_EXPIRED, SESSION_ENDED."""
    claims = resources.keys.access(access_token)
    if claims.market != market:
        raise errors.UNAUTHORIZED.error("The token is for another marketplace")
    logins = await LIVE_SESSIONS(resources.db, [claims.session_id])
    if not logins or logins[0].market != market:
        raise errors.SESSION_ENDED.error()
    (login,) = logins
    person = Person(login.user_id, login.name, login.avatar_url)
    return User(login.user_id, login.market, login.role, login.email, login.session_id, person)
