"""Authenticates users: Bearer token or cookie, the session that it belongs to, and the role that a route requires."""

from aiohttp import web

from api.cookies import Cookies
from core.accounts import logins
from core.base import errors
from core.market.market import Roles
from core.work.context import Resources, User


async def caller(request: web.Request, cookies: Cookies, resources: Resources, market: str, who: Roles) -> User:
    """Return the user of a request; raises UNAUTHORIZED, TOKEN_EXPIRED, SESSION_ENDED, CSRF_TOKEN_INVALID, FORBIDDEN."""
    credential = cookies.credential(request)
    if not credential.token:
        raise errors.UNAUTHORIZED.error()
    user = await logins.authenticate(resources, market, credential.token)
    if credential.is_cookie:
        cookies.check_csrf(request, user.session_id)
    if user.role not in who:
        raise errors.FORBIDDEN.error(f"Only {' and '.join(f'{role}s' for role in sorted(who))} can do this")
    return user
