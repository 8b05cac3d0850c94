"""Profiles."""

import msgspec

from core import errors
from core.context import Ctx
from core.db import found
from marketplaces.onswift import queries, rules
from marketplaces.onswift.structs import Me


async def get_me(ctx: Ctx) -> Me:
    """Get the current user's profile"""
    profile = found(await queries.PROFILE(ctx.db, ctx.user.id), errors.USER_NOT_FOUND.error())
    fields = msgspec.structs.asdict(profile)
    role = fields.pop("role")
    return Me(**fields, user_type=role, profile_completion_percentage=rules.profile_completion(role, profile))
