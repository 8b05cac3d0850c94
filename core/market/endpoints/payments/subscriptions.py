"""Subscriptions, and what they entitle to."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from core.base import clock, errors
from core.market.traits import call
from core.payments.checkout import subscriptions
from core.payments.checkout.rules import Plan, rules_of
from core.payments.checkout.subscriptions import Entitlement, Subscription
from core.payments.money import places_of
from core.payments.states import SubscriptionState
from core.text.fields import view_of
from core.work.context import Ctx


class PlanView(msgspec.Struct, frozen=True, rename="camel"):
    """What may be subscribed to: an amount in minor units, every so many days."""

    name: str
    title: str
    amount: int
    currency: str
    decimals: int
    days: int
    entitlements: list[str]


class Plans(msgspec.Struct, frozen=True):
    plans: list[PlanView]


class SubscriptionView(msgspec.Struct, frozen=True, rename="camel"):
    """A subscription. `canceled`: it ends with its period. `payUrl`: where its first period is paid."""

    id: UUID
    plan: str
    amount: int
    currency: str
    state: SubscriptionState
    period_end: datetime | None
    pay_url: str
    created_at: datetime


class Subscriptions(msgspec.Struct, frozen=True):
    subscriptions: list[SubscriptionView]


class NewSubscription(msgspec.Struct, frozen=True):
    plan: Annotated[str, Meta(max_length=64)]


class Entitlements(msgspec.Struct, frozen=True):
    entitlements: list[Entitlement]


@call(needs="payments")
async def list_plans(ctx: Ctx) -> Plans:
    """Get what may be subscribed to"""
    return Plans([_plan(one) for one in rules_of(ctx).plans])


@call(errors.NOT_FOUND, errors.PROVIDER_UNAVAILABLE, errors.PAYMENT_REFUSED, needs="payments")
async def subscribe(ctx: Ctx, body: NewSubscription) -> SubscriptionView:
    """Begin a subscription, or get the one to this plan that the user has"""
    return _view(await subscriptions.begin(ctx, body.plan))


@call(needs="payments")
async def list_subscriptions(ctx: Ctx) -> Subscriptions:
    """Get the user's subscriptions, the latest first"""
    return Subscriptions([_view(one) for one in await subscriptions.OF_USER(ctx.db, ctx.user.id, ctx.policy.name)])


@call(errors.SUBSCRIPTION_NOT_FOUND, statuses=(200,))
async def unsubscribe(ctx: Ctx, subscription_id: UUID) -> SubscriptionView:
    """Let a subscription end with its period"""
    return _view(await subscriptions.cancel(ctx, subscription_id))


@call(needs="payments")
async def list_entitlements(ctx: Ctx) -> Entitlements:
    """Get what the user may do or use, until when"""
    return Entitlements(await subscriptions.ENTITLEMENTS(ctx.db, ctx.user.id, ctx.policy.name, clock.now()))


def _view(one: Subscription) -> SubscriptionView:
    return view_of(SubscriptionView, one, pay_url=one.pay_url if one.state in ("created", "incomplete") else "")


def _plan(one: Plan) -> PlanView:
    return view_of(PlanView, one, decimals=places_of(one.currency), entitlements=sorted(one.entitlements))
