"""The bazaar's books, and people with accounts in them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import msgspec
import pytest

from config.settings import Settings
from core.payments import ledger
from core.payments.books import books_balance
from core.payments.ledger import Account, Entry, Transfer
from core.payments.statements import BALANCES
from core.platform.db import Pool
from core.work.context import User
from core.work.unit_of_work import UnitOfWork, unit_of_work
from marketplaces import ALL
from tests import bazaar
from tests.bazaar.database import with_bazaar
from tests.flow.conftest import Environment, open_environment

PROVIDER = Account(None, "provider", "USD")
FEES = Account(None, "fees", "USD")


def wallet(user: User | UUID, kind: str = "available", currency: str = "USD") -> Account:
    """Return an account of a user."""
    return Account(user.id if isinstance(user, User) else user, kind, currency)


def moved(giver: Account, receiver: Account, amount: int) -> list[Entry]:
    """Return the entries of a plain transfer."""
    return [Entry(giver, -amount), Entry(receiver, amount)]


@dataclass
class Books:
    """The ledger, each call in a unit of work of its own; `ann` is who makes them."""

    env: Environment
    ann: User
    changes: dict[str, Any] = field(default_factory=dict)

    def under(self, **changes: Any) -> "Books":
        """Return them for a marketplace whose policy differs in this."""
        return Books(self.env, self.ann, changes)

    @property
    def db(self) -> Pool:
        return self.env.resources.db

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[UnitOfWork]:
        ctx = self.env.ctx(self.ann)
        async with unit_of_work(replace(ctx, policy=msgspec.structs.replace(ctx.policy, **self.changes))) as work:
            yield work

    async def transfer(self, key: str, entries: list[Entry], *, pending: bool = False) -> Transfer:
        async with self.unit() as work:
            return await ledger.transfer(work, key, "payment", entries, pending=pending)

    async def pay_in(self, account: Account, amount: int) -> Transfer:
        """Credit an account from outside."""
        giver = Account(None, "provider", account.currency)
        return await self.transfer(f"in {account} {amount}", moved(giver, account, amount))

    async def post(self, transfer: Transfer) -> Transfer:
        async with self.unit() as work:
            return await ledger.post(work, transfer.id)

    async def void(self, transfer: Transfer) -> Transfer:
        async with self.unit() as work:
            return await ledger.void(work, transfer.id)

    async def reverse(
        self, key: str, transfer: Transfer, amount: int | None = None, *, pending: bool = False
    ) -> Transfer:
        async with self.unit() as work:
            return await ledger.reverse(work, key, transfer.id, amount, pending=pending)

    async def balance(self, account: Account) -> tuple[int, int]:
        """Return what is posted on an account, and what is available of it."""
        row = await self.db.fetchrow(
            "select posted, posted - reserved from ledger_accounts where id = $1", account.id("bazaar")
        )
        return tuple(row) if row else (0, 0)

    async def balances(self, user: User) -> dict[tuple[str, str], int]:
        """Return what is available to a user, by kind and currency."""
        return {(one.kind, one.currency): one.available for one in await BALANCES(self.db, user.id, "bazaar")}

    async def check(self) -> None:
        """Fail unless the books balance."""
        assert await books_balance(self.db) == []


@pytest.fixture
async def env(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Environment]:
    """Return the bazaar, whose policy has a ledger."""
    await with_bazaar(settings)
    monkeypatch.setitem(ALL, "bazaar", bazaar.MARKETPLACE)
    settings = msgspec.structs.replace(settings, marketplaces=("bazaar",))
    async with open_environment(settings, "bazaar") as env:
        yield env


@pytest.fixture
async def ann(env: Environment) -> User:
    user, _ = await env.person("Ann", "seller")
    return user


@pytest.fixture
async def bob(env: Environment) -> User:
    user, _ = await env.person("Bob", "buyer")
    return user


@pytest.fixture
async def books(env: Environment, ann: User) -> AsyncIterator[Books]:
    """Return the books, which balance at the end of each test."""
    books = Books(env, ann)
    yield books
    await books.check()
