"""The bazaar with a payment provider, whose webhooks reach it, and what its workers do, step by step."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from aiohttp.test_utils import TestServer

from api.app import build_app
from core.base import clock
from core.payments.books import books_balance
from core.payments.checkout import intents, reconciliation, refunds, rows, sending, webhooks
from core.payments.checkout.rows import Intent, Refund
from core.payments.ledger import Account, Entry, transfer
from core.payments.port import Provider
from core.platform.outgoing import OutgoingError
from core.work.context import Ctx, User
from core.work.jobs import BusyError
from core.work.unit_of_work import unit_of_work
from tests.bazaar import queries
from tests.flow.conftest import Environment
from tests.payments_conformance.double import Double

PRICE = 1000
FEE = 100


@dataclass
class Shop:
    """A seller and a buyer. Nothing here runs by itself: `work` does what jobs do, `reconcile` what the periodic task does."""

    env: Environment
    double: Double
    patch: pytest.MonkeyPatch
    seller: User
    buyer: User

    @property
    def provider(self) -> Provider:
        return intents.driver(self.ctx)

    @property
    def ctx(self) -> Ctx:
        """Return the context of a job."""
        return Ctx(self.env.resources, self.env.publisher, self.env.ctx(self.buyer).policy, "test", "192.0.2.1")

    def of(self, user: User) -> Ctx:
        return self.env.ctx(user)

    async def listing(self, description: str = "", price: int = PRICE) -> UUID:
        id = self.env.resources.ids.of("bazaar")
        await queries.INSERT(
            self.env.resources.db, id, self.seller.id, "A lamp", price, description, datetime.now().astimezone()
        )
        return id

    async def begun(self, description: str = "", buyer: User | None = None, listing: UUID | None = None) -> Intent:
        """Return a payment that waits to be paid."""
        ctx = self.of(buyer or self.buyer)
        return await intents.begin(ctx, "listing", listing or await self.listing(description))

    async def paid(self) -> Intent:
        """Return a payment that has succeeded."""
        intent = await self.begun()
        self.double.pay(intent.ref or "")
        await self.double.settled()
        await self.work()
        intent = await self.now(intent)
        assert intent.state == "succeeded", intent
        return intent

    async def refund(self, intent: Intent, amount: int) -> Refund:
        """Ask for a refund, as the seller."""
        return await refunds.request(self.of(self.seller), intent.id, amount)

    async def work(self) -> None:
        """Do the jobs: work off the webhooks that have come, send the refunds that wait."""
        db = self.env.resources.db
        for (id,) in await db.fetch("select id from payment_events where state = 'received' order by id"):
            with contextlib.suppress(OutgoingError):
                await webhooks.work_off(self.ctx, id)
        for (id,) in await db.fetch("select id from payment_refunds where state = 'requested' order by id"):
            with contextlib.suppress(OutgoingError, BusyError):
                await sending.send(self.ctx, id)

    async def reconcile(self) -> None:
        await reconciliation.reconcile(self.ctx)
        await self.work()

    def later(self, by: timedelta) -> None:
        """Let time pass."""
        now = clock.now
        self.patch.setattr(clock, "now", lambda: now() + by)

    async def heal(self) -> None:
        """Let the provider behave again, and some hours pass."""
        faults = self.double.faults
        faults.away, faults.errors, faults.cuts = False, 0, 0
        await self.double.settled()  # a webhook that is on its way would be too old
        for minutes in (2, 15, 30, 90, 180):
            self.later(timedelta(minutes=minutes))
            await self.reconcile()

    async def now(self, intent: Intent) -> Intent:
        row = await rows.BY_ID(self.env.resources.db, intent.id, "bazaar")
        assert row
        return row

    async def refunds(self, intent: Intent) -> list[tuple[int, str]]:
        return [(one.amount, one.state) for one in await rows.REFUNDS(self.env.resources.db, intent.id)]

    async def balance(self, kind: str, owner: UUID | None = None) -> int:
        """Return what is on an account."""
        found: Any = await self.env.resources.db.fetchval(
            "select posted from ledger_accounts where market = 'bazaar' and kind = $1 and owner_id is not distinct from $2",
            kind,
            owner,
        )
        return found or 0

    async def spend(self, amount: int) -> None:
        """Pay the seller out."""
        async with unit_of_work(self.ctx) as work:
            entries = [
                Entry(Account(self.seller.id, "available", "USD"), -amount),
                Entry(Account(None, "held", "USD"), amount),
            ]
            await transfer(work, "payout", "payout", entries)

    async def check_books(self) -> None:
        """The books balance, and say of the provider what the provider says."""
        assert await books_balance(self.env.resources.db) == []
        assert -await self.balance("provider") == self.double.holds()


@asynccontextmanager
async def open_shop(env: Environment, double: Double, patch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    """Open the shop, at the address that webhooks come to."""
    app = build_app(env.settings, env.resources, env.publisher)
    async with TestServer(app, port=env.settings.port):
        seller, _ = await env.person("Ann", "seller")
        buyer, _ = await env.person("Bob", "buyer")
        yield Shop(env, double, patch, seller, buyer)
