"""The user's API keys, with which programs call on her behalf."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from core.accounts import api_keys, identity
from core.accounts.api_keys import ApiKeyView, NewApiKey
from core.base.errors import (
    API_KEY_NOT_FOUND,
    API_KEY_ROTATED,
    REAUTHENTICATION_REQUIRED,
    TOO_MANY_API_KEYS,
)
from core.market.traits import call
from core.text.fields import Name, Short
from core.work.context import Ctx

Scopes = Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(min_length=1, max_length=20)]


class CreateApiKey(msgspec.Struct, frozen=True, rename="camel"):
    """What a key is for, until when. The password is needed unless the login is younger than five minutes."""

    name: Name
    scopes: Scopes
    expires_at: datetime | None = None
    password: Short | None = None


class ApiKeys(msgspec.Struct, frozen=True, rename="camel"):
    api_keys: list[ApiKeyView]


@call(REAUTHENTICATION_REQUIRED, TOO_MANY_API_KEYS, statuses=(201,), needs="api_keys")
async def create(ctx: Ctx, body: CreateApiKey) -> NewApiKey:
    """Make an API key; it is shown this once"""
    await identity.require_recent_login(ctx, body.password)
    return await api_keys.create(ctx, body.name, body.scopes, body.expires_at)


async def list_keys(ctx: Ctx) -> ApiKeys:
    """Get the user's API keys, the newest first, without their secrets"""
    return ApiKeys(await api_keys.list_of_user(ctx))


@call(API_KEY_NOT_FOUND, API_KEY_ROTATED, statuses=(201,), needs="api_keys")
async def rotate(ctx: Ctx, key_id: UUID) -> NewApiKey:
    """Make a successor of an API key, which goes on for a while"""
    return await api_keys.rotate(ctx, key_id)


@call(API_KEY_NOT_FOUND)
async def revoke(ctx: Ctx, key_id: UUID) -> None:
    """End an API key at once"""
    await api_keys.revoke(ctx, key_id)
