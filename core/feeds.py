"""The secret address under which a program that cannot log in (a calendar) reads what is a user's."""

import secrets
from uuid import UUID

from core import clock, errors
from core.context import Ctx
from core.db import Run, Scalar

TOKEN_BYTES = 32

TOKEN = Scalar(str, "select token from feeds where user_id = $1")
SET_TOKEN = Run(
    """
    insert into feeds (user_id, token, created_at) values ($1, $2, $3)
    on conflict (user_id) do update set token = excluded.token, created_at = excluded.created_at"""
)
OWNER = Scalar(
    UUID,
    """
    select u.id from feeds f join users u on u.id = f.user_id
    where f.token = $1 and u.market = $2 and u.deleted_at is null""",
)


async def address(ctx: Ctx, path: str) -> str | None:
    """Return the address of the caller's feed, which the marketplace serves under `path`; None: she has none yet."""
    token = await TOKEN(ctx.db, ctx.user.id)
    return token and f"{ctx.resources.settings.public_url}/{ctx.market}{path}?token={token}"


async def renew(ctx: Ctx) -> None:
    """Give the caller's feed a new address; the old one is good for nothing from now on."""
    await SET_TOKEN(ctx.db, ctx.user.id, secrets.token_urlsafe(TOKEN_BYTES), clock.now())


async def owner(ctx: Ctx, token: str) -> UUID:
    """Return whose feed has this token; raises UNAUTHORIZED."""
    user_id = await OWNER(ctx.db, token, ctx.market)
    if user_id is None:
        raise errors.UNAUTHORIZED.error("This address is not valid any more: ask for a new one")
    return user_id
