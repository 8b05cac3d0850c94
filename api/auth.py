"""Authenticates users: Bearer token or cookie, the session that it belongs to, and the role that a route requires.

A call with a scope takes an API key as well.
"""

from aiohttp import hdrs, web

from api.cookies import Cookies
from core.accounts import api_keys, logins
from core.base import errors
from core.market.market import Roles, Route
from core.work.context import Ctx, Resources, User

KEY = "X-API-Key"


async def caller(request: web.Request, cookies: Cookies, resources: Resources, market: str, who: Roles) -> User:
    """Return the user of a request; raises UNAUTHORIZED, TOKEN_EXPIRED, SESSION_ENDED, CSRF_TOKEN_INVALID, FORBIDDEN."""
    credential = cookies.credential(request)
    if not credential.token:
        raise errors.UNAUTHORIZED.error()
    user = await logins.authenticate(resources, market, credential.token)
    if credential.is_cookie:
        cookies.check_csrf(request, user.session_id)
    _check_role(user, who)
    return user


async def key_holder(request: web.Request, ctx: Ctx, route: Route) -> User | None:
    """Return the user of the API key that a request shows; None if it shows none, or the call takes none.

    Raises UNAUTHORIZED, FORBIDDEN, RATE_LIMITED.
    """
    if not (route.scope and route.who):
        return None
    key = api_keys.shown(request.headers.get(hdrs.AUTHORIZATION, ""), request.headers.get(KEY, ""))
    if not key:
        return None
    by = await api_keys.authenticate(ctx, key)
    by.require(route.scope)
    _check_role(by.user, route.who)
    return by.user


def _check_role(user: User, who: Roles) -> None:
    if user.role not in who:
        raise errors.FORBIDDEN.error(f"Only {' and '.join(f'{role}s' for role in sorted(who))} can do this")
