"""The addresses that users want to be told at. Whoever can make one is told of the user's affairs, also after a logout."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from core.accounts import sessions
from core.base import clock, errors, hosts
from core.platform.db import Many, One, Run, Scalar, found
from core.webhooks import signing
from core.work.context import Ctx
from core.work.personal_data import PersonalData, rows_of
from core.work.rules import required
from core.work.unit_of_work import unit_of_work


class WebhookView(msgspec.Struct, frozen=True, rename="camel"):
    """An endpoint without its secret. `failingSince`: nothing has been delivered since.

    `disabledFor`: `gone` (it answered 410), `failing` (for three days), `owner`.
    """

    id: UUID
    url: str
    events: list[str]
    created_at: datetime
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_for: str | None


class NewWebhook(msgspec.Struct, frozen=True):
    """An endpoint whose secret is new; it is shown this once."""

    secret: str
    webhook: WebhookView


_VIEW = "id, url, events, created_at, failing_since, disabled_at, disabled_for"
INSERT = One(
    WebhookView,
    f"""
    insert into webhook_endpoints (id, market, user_id, url, events, hears_all, secret, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8) returning {_VIEW}""",  # noqa: S608
)
COUNT = Scalar(int, "select count(*) from webhook_endpoints where user_id = $1")
OF_USER = Many(WebhookView, f"select {_VIEW} from webhook_endpoints where user_id = $1 order by created_at, id")  # noqa: S608
OWN = One(WebhookView, f"select {_VIEW} from webhook_endpoints where id = $1 and user_id = $2")  # noqa: S608
# A null leaves it as it is. What is enabled again begins anew.
CHANGE = One(
    WebhookView,
    f"""
    update webhook_endpoints set events = coalesce($3, events),
        disabled_at = case when $4 then null when not $4 then coalesce(disabled_at, $5) else disabled_at end,
        disabled_for = case when $4 then null when not $4 then coalesce(disabled_for, 'owner') else disabled_for end,
        failing_since = case when $4 then null else failing_since end,
        paused_until = case when $4 then null else paused_until end
    where id = $1 and user_id = $2 returning {_VIEW}""",  # noqa: S608
)
ROTATE = One(
    WebhookView,
    f"""
    update webhook_endpoints set former_secret = secret, former_until = $4, secret = $3
    where id = $1 and user_id = $2 returning {_VIEW}""",  # noqa: S608
)
DELETE = Run("delete from webhook_endpoints where id = $1 and user_id = $2")
PERSONAL_DATA = PersonalData(
    "webhooks",
    frozenset({"webhook_endpoints"}),
    rows_of(f"select {_VIEW} from webhook_endpoints where user_id = $1 order by created_at"),  # noqa: S608
    (Run("delete from webhook_endpoints where user_id = $1"),),
)
NOT_FOUND = errors.WEBHOOK_NOT_FOUND


async def create(ctx: Ctx, url: str, events: Collection[str]) -> NewWebhook:
    """Make an endpoint of the caller, whose login must be a recent one; raises VALIDATION_ERROR, TOO_MANY_WEBHOOKS."""
    rules, secret = required(ctx.policy.webhooks), signing.new_secret()
    _check_url(url)
    async with unit_of_work(ctx) as work:
        await sessions.LOCK_USER(work.db, ctx.user.id)
        if (await COUNT(work.db, ctx.user.id) or 0) >= rules.most:
            raise errors.TOO_MANY_WEBHOOKS.error()
        id, wanted = ctx.new_id(), _checked(ctx, events)
        of_user = id, ctx.policy.name, ctx.user.id
        hears_all, kept = ctx.user.role in rules.hear_all, signing.stored(ctx, id, secret)
        row = await INSERT(work.db, *of_user, url, wanted, hears_all, kept, clock.now())
        webhook = found(row, errors.INTERNAL_ERROR.error())
        await work.record("webhook.create", webhook.id, events=wanted)
    return NewWebhook(secret, webhook)


async def get(ctx: Ctx, id: UUID) -> WebhookView:
    """Return one of the caller's endpoints; raises WEBHOOK_NOT_FOUND."""
    return found(await OWN(ctx.db, id, ctx.user.id), NOT_FOUND.error())


async def change(ctx: Ctx, id: UUID, events: list[str] | UnsetType, is_enabled: bool | UnsetType) -> WebhookView:
    """Change what one of the caller's endpoints is told, and whether it is; raises WEBHOOK_NOT_FOUND, VALIDATION_ERROR."""
    wanted = None if events is UNSET else _checked(ctx, events)
    async with unit_of_work(ctx) as work:
        row = await CHANGE(work.db, id, ctx.user.id, wanted, None if is_enabled is UNSET else is_enabled, clock.now())
        webhook = found(row, NOT_FOUND.error())
        await work.record("webhook.change", id, events=webhook.events, enabled=webhook.disabled_at is None)
    return webhook


async def rotate(ctx: Ctx, id: UUID) -> NewWebhook:
    """Give one of the caller's endpoints a new secret; the former one signs, too, for a while. Raises WEBHOOK_NOT_FOUND."""
    secret, until = signing.new_secret(), clock.now() + required(ctx.policy.webhooks).overlap
    async with unit_of_work(ctx) as work:
        row = await ROTATE(work.db, id, ctx.user.id, signing.stored(ctx, id, secret), until)
        webhook = found(row, NOT_FOUND.error())
        await work.record("webhook.rotate", id)
    return NewWebhook(secret, webhook)


async def delete(ctx: Ctx, id: UUID) -> None:
    """Delete one of the caller's endpoints, with what was delivered to it; raises WEBHOOK_NOT_FOUND."""
    async with unit_of_work(ctx) as work:
        if not await DELETE(work.db, id, ctx.user.id):
            raise NOT_FOUND.error()
        await work.record("webhook.delete", id)


def _check_url(url: str) -> None:
    if not url.lower().startswith("https://") or "#" in url or not hosts.is_public(url):
        raise errors.invalid("url", "Must be a public address with https")


def _checked(ctx: Ctx, events: Collection[str]) -> list[str]:
    known = required(ctx.policy.webhooks).events
    if not known.keys() >= set(events):
        raise errors.invalid("events", f"Must be some of {', '.join(sorted(known))}")
    return sorted(set(events))
