"""Who is calling: the Bearer token, the live session behind it, and the role that a route asks for."""

from aiohttp import web

from core import errors, sessions
from core.context import Resources, User
from core.market import Roles


async def caller(request: web.Request, resources: Resources, market: str, who: Roles) -> User:
    """Return the user of a request; raises UNAUTHORIZED, TOKEN_EXPIRED, SESSION_ENDED, FORBIDDEN."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise errors.UNAUTHORIZED.error()
    user = await sessions.authenticate(resources, market, token.strip())
    if user.role not in who:
        raise errors.FORBIDDEN.error()
    return user
