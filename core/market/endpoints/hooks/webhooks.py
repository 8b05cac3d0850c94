"""The user's webhooks: servers of hers that are told what happens."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from core.accounts import identity
from core.base import errors
from core.base.errors import (
    RATE_LIMITED,
    REAUTHENTICATION_REQUIRED,
    TOO_MANY_WEBHOOKS,
    WEBHOOK_DISABLED,
    WEBHOOK_NOT_FOUND,
)
from core.base.paging import AfterQuery
from core.market.traits import call
from core.text.fields import Short, WebUrl, view_of
from core.webhooks import deliveries, endpoints
from core.webhooks.deliveries import Attempt, Status
from core.webhooks.endpoints import NewWebhook, WebhookView
from core.work.context import Ctx

Events = Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(min_length=1, max_length=100)]


class CreateWebhook(msgspec.Struct, frozen=True):
    """Where to, and what of. The password is needed unless the login is younger than five minutes."""

    url: WebUrl
    events: Events
    password: Short | None = None


class ChangeWebhook(msgspec.Struct, frozen=True, rename="camel"):
    events: Events | UnsetType = UNSET
    is_enabled: bool | UnsetType = UNSET


class Confirmation(msgspec.Struct, frozen=True):
    """The password, unless the login is younger than five minutes."""

    password: Short | None = None


class Webhooks(msgspec.Struct, frozen=True):
    webhooks: list[WebhookView]


class DeliveryQuery(AfterQuery, frozen=True, kw_only=True, rename="camel"):
    """A page of them, of all or of those with one status."""

    status: Status | None = None


class DeliveryView(msgspec.Struct, frozen=True, rename="camel"):
    """A delivery; `dueAt`: when it is tried next, `attempts`: the latest, the oldest first."""

    id: UUID
    event: str
    created_at: datetime
    status: Status
    due_at: datetime | None
    attempts: list[Attempt]


class DeliveryPage(msgspec.Struct, frozen=True, rename="camel"):
    deliveries: list[DeliveryView]
    next_cursor: str | None


class Replay(msgspec.Struct, frozen=True, rename="camel"):
    """One delivery, or those that have failed since a time, a thousand at most."""

    delivery_id: UUID | None = None
    since: datetime | None = None


class Replayed(msgspec.Struct, frozen=True):
    count: int


@call(REAUTHENTICATION_REQUIRED, TOO_MANY_WEBHOOKS, statuses=(201,), needs="webhooks")
async def create(ctx: Ctx, body: CreateWebhook) -> NewWebhook:
    """Make a webhook; its secret is shown this once"""
    await identity.require_recent_login(ctx, body.password)
    return await endpoints.create(ctx, body.url, body.events)


async def list_webhooks(ctx: Ctx) -> Webhooks:
    """Get the user's webhooks, without their secrets"""
    return Webhooks(await endpoints.OF_USER(ctx.db, ctx.user.id))


@call(WEBHOOK_NOT_FOUND)
async def change(ctx: Ctx, webhook_id: UUID, body: ChangeWebhook) -> WebhookView:
    """Change which events a webhook gets, disable it, or enable it again"""
    return await endpoints.change(ctx, webhook_id, body.events, body.is_enabled)


@call(WEBHOOK_NOT_FOUND, REAUTHENTICATION_REQUIRED)
async def rotate(ctx: Ctx, webhook_id: UUID, body: Confirmation) -> NewWebhook:
    """Give a webhook a new secret; the former one signs, too, for a day"""
    await identity.require_recent_login(ctx, body.password)
    return await endpoints.rotate(ctx, webhook_id)


@call(WEBHOOK_NOT_FOUND)
async def delete(ctx: Ctx, webhook_id: UUID) -> None:
    """Delete a webhook"""
    await endpoints.delete(ctx, webhook_id)


@call(WEBHOOK_NOT_FOUND, WEBHOOK_DISABLED, RATE_LIMITED, statuses=(204,))
async def send_test(ctx: Ctx, webhook_id: UUID) -> None:
    """Deliver a test event to a webhook"""
    await deliveries.send_test(ctx, webhook_id)


@call(WEBHOOK_NOT_FOUND)
async def list_deliveries(ctx: Ctx, webhook_id: UUID, query: DeliveryQuery) -> DeliveryPage:
    """Get what was delivered to a webhook in the last month, the latest first, with all attempts"""
    page = await deliveries.page(ctx, webhook_id, query, query.status)
    views = [view_of(DeliveryView, row, attempts=msgspec.convert(row.attempts, list[Attempt])) for row in page.rows]
    return DeliveryPage(views, page.next_cursor)


@call(WEBHOOK_NOT_FOUND, WEBHOOK_DISABLED)
async def replay(ctx: Ctx, webhook_id: UUID, body: Replay) -> Replayed:
    """Deliver again what has failed, or one delivery"""
    if (body.delivery_id is None) == (body.since is None):
        raise errors.invalid("since", "Give either this or deliveryId")
    return Replayed(await deliveries.replay(ctx, webhook_id, body.delivery_id, body.since))
